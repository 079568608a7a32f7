#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
"""vlan.py NUMBER HOST TRUNK

A VLAN for hosts whose kernel has none: what the network device HOST sends leaves TRUNK with the tag of VLAN NUMBER, and
frames of that VLAN that come to TRUNK arrive at HOST without it. Makes both devices, and runs until it is killed.
"""
import fcntl
import os
import select
import struct
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
number, host_name, trunk_name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
tag = struct.pack("!HH", 0x8100, number)


def tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


host, trunk = tap(host_name), tap(trunk_name)
while True:
    for device in select.select([host, trunk], [], [])[0]:
        frame = os.read(device, 65536)
        try:
            if device == host:
                os.write(trunk, frame[:12] + tag + frame[12:])
            elif frame[12:14] == tag[:2] and struct.unpack("!H", frame[14:16])[0] & 0xFFF == number:
                os.write(host, frame[:12] + frame[16:])
        except OSError:
            pass  # A device that is down loses what it is sent.
