// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Model

/// Reads a configuration from JSON text, as the edge does it.
func read(_ text: String) throws -> (configuration: Configuration, problems: [Problem]) {
    Configuration.read(try json(text))
}

func json(_ text: String) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
}

let surroundings = Surroundings(
    stateFolder: "/state",
    images: [
        "lab": BootableImage(
            diskPath: "/state/images/lab/disk.img", size: 1 << 30, kernelPath: "/state/images/lab/vmlinuz",
            initramfsPath: "/state/images/lab/initrd.img", kernelArguments: "root=UUID=1234 rw ip=dhcp")
    ])

let services = ServiceSettings(
    address: "10.77.0.1", interface: "br0",
    dhcp: .range(AddressRange(first: "10.77.0.50", last: "10.77.0.99")))

func client(_ name: String, mac: String, method: BootClient.Method = .sanboot) -> BootClient {
    BootClient(name: name, mac: mac, source: .image("lab"), method: method)
}

/// A small generator whose whole course follows from its seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// A file as rtslib writes it, with keys that Apus has no use for.
let saveconfig = """
    {
      "fabric_modules": [],
      "storage_objects": [
        {
          "alua_tpgs": [{"name": "default_tg_pt_gp", "tg_pt_gp_id": 0, "alua_access_state": 0, "preferred": 0}],
          "attributes": {"block_size": 512, "emulate_tpu": 1, "is_nonrot": 1, "max_unmap_lba_count": 8192},
          "dev": "/srv/a.img", "name": "a", "plugin": "fileio", "size": 1073741824, "write_back": true,
          "wwn": "6a1f7c2e-0d38-4d0b-9b4e-8f0f6c0a1b2c", "aio": false
        },
        {"attributes": {}, "name": "r", "plugin": "ramdisk", "size": 16777216, "nullio": false, "wwn": "r-serial"}
      ],
      "targets": [
        {
          "fabric": "iscsi", "wwn": "iqn.2023-04.com.example:server", "parameters": {"cmd_completion_affinity": "-1"},
          "tpgs": [
            {
              "attributes": {"authentication": 0, "generate_node_acls": 0, "login_timeout": 15},
              "enable": true, "tag": 1, "parameters": {"MaxBurstLength": "262144", "TargetAlias": "LIO Target"},
              "luns": [
                {"alias": "d8b1", "alua_tg_pt_gp_name": "default_tg_pt_gp", "index": 0,
                 "storage_object": "/backstores/fileio/a"},
                {"alias": "99aa", "index": 1, "storage_object": "/backstores/ramdisk/r"}
              ],
              "node_acls": [
                {"attributes": {"nopin_timeout": 15}, "node_wwn": "iqn.2023-04.com.example:node",
                 "mapped_luns": [{"alias": "x", "index": 0, "tpg_lun": 0, "write_protect": false}]}
              ],
              "portals": [{"ip_address": "0.0.0.0", "iser": false, "offload": false, "port": 3260}]
            }
          ]
        }
      ]
    }
    """
