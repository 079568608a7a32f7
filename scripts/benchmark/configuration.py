# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""Large configurations: what one more LUN costs when there are many, and how long all of them take to load."""
import http.client
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time

from . import machine
from .servers import until

TARGETS = 1_000
LUNS_OF_EACH = 10
SAMPLES = 9


class Connection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path):
        super().__init__("apus", timeout=600)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Daemon:
    def __init__(self, program, folder):
        self.folder = folder
        self.socket = f"{folder}/socket"
        self.process = subprocess.Popen(
            [program, "serve", "--config", f"{folder}/saveconfig.json", "--state", f"{folder}/state", "--socket",
             self.socket, "--log-level", "error"])
        if not until(self.answers, 600):
            raise SystemExit("bench: the daemon does not answer")

    def answers(self):
        try:
            return self.ask("GET", "/v1/history") is not None
        except OSError:
            return False

    def ask(self, method, path, body=None):
        connection = Connection(self.socket)
        try:
            connection.request(method, path, json.dumps(body) if body else None)
            answer = connection.getresponse()
            report = json.loads(answer.read())
            if answer.status != 200:
                raise SystemExit(f"bench: {report}")
            return report
        finally:
            connection.close()

    def create(self, path, *words):
        self.ask("POST", "/v1/changes", {
            "change": {"op": "tree", "path": path, "verb": "create", "positional": list(words)}})

    def stop(self):
        self.process.terminate()
        self.process.wait()


def target(number):
    return f"iqn.2026-11.org.example:target{number}"


def document(luns):
    """Ten LUNs to a target, each for one initiator."""
    groups = {}
    for number in range(luns):
        groups.setdefault(number // LUNS_OF_EACH, []).append(number)
    return {
        "storage_objects": [
            {"plugin": "ramdisk", "name": f"disk{number}", "size": 1 << 20, "nullio": True,
             "attributes": {"block_size": 512, "emulate_tpu": 0, "is_nonrot": 1}} for number in range(luns)],
        "targets": [
            {"fabric": "iscsi", "wwn": target(name), "tpgs": [{
                "tag": 1, "enable": True, "attributes": {"authentication": 0, "generate_node_acls": 0},
                "portals": [{"ip_address": "127.0.0.1", "port": 23260}],
                "luns": [{"index": index, "storage_object": f"/backstores/ramdisk/disk{number}"}
                         for index, number in enumerate(numbers)],
                "node_acls": [{
                    "node_wwn": f"iqn.2026-11.org.example:node{name}",
                    "mapped_luns": [{"index": index, "tpg_lun": index, "write_protect": False}
                                    for index in range(len(numbers))]}]}]}
            for name, numbers in groups.items()]}


def one_more(daemon, base):
    """Milliseconds from the request to the answer for a backstore and its LUN, and of the daemon's processor time."""
    times, costs = [], []
    for sample in range(SAMPLES):
        name = f"extra{base}-{sample}"
        begun, used = time.monotonic(), machine.cpu_ns(daemon.process.pid)
        daemon.create("/backstores/ramdisk", name, "1M", "true")
        daemon.create(f"/iscsi/{target(0)}/tpg1/luns", f"/backstores/ramdisk/{name}")
        times.append(1000 * (time.monotonic() - begun))
        costs.append((machine.cpu_ns(daemon.process.pid) - used) / 1e6)
    return {"ms": statistics.median(times), "CPU ms": statistics.median(costs)}


def measure(program):
    results = {}
    for luns in (10, 1_000, TARGETS * LUNS_OF_EACH):
        with tempfile.TemporaryDirectory(prefix="apus-bench.") as folder:
            with open(f"{folder}/saveconfig.json", "w") as file:
                json.dump(document(luns), file)
            begun = time.monotonic()
            daemon = Daemon(program, folder)
            try:
                results[f"load of {luns} LUNs"] = {
                    "ms": 1000 * (time.monotonic() - begun), "CPU ms": machine.cpu_ns(daemon.process.pid) / 1e6,
                    "resident MB": machine.resident_bytes(daemon.process.pid) / 1e6}
                results[f"LUN {luns + 1}"] = one_more(daemon, luns)
                results[f"LUN {luns + 1}"]["file KB"] = os.path.getsize(f"{folder}/saveconfig.json") / 1e3
            finally:
                daemon.stop()
    return results


def text(results):
    return [f"{name}: " + ", ".join(f"{key} {value:.1f}" for key, value in figures.items())
            for name, figures in results.items()]
