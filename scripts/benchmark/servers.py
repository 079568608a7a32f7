# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""Apus and tgt, each with files of its own."""
import os
import random
import shutil
import signal
import socket
import subprocess
import time

IQN = "iqn.2026-11.org.apus:bench"
FILE_BYTES = 256 << 20


def until(condition, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    return None


def random_file(path):
    with open(path, "wb") as file:
        for _ in range(FILE_BYTES >> 20):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())


class Server:
    def __init__(self, name, memory, disk):
        self.name = name
        self.memory = memory
        #: Written once, so that no measurement pays for the files' first pages.
        self.files = {"file": f"{memory}/{name}.img", "cold": f"{disk}/{name}.img"}
        for path in self.files.values():
            random_file(path)
        self.process = None
        self.urls = {}

    def start(self, prefix=()):
        raise NotImplementedError

    def launch(self, command):
        self.log = open(f"{self.memory}/{self.name}.log", "w+")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)

    def said(self):
        return open(self.log.name).read()

    def stop(self):
        if self.process:
            # tgtd ignores everything else while it has targets.
            self.process.kill()
            self.process.wait()
            self.process = None

    def prepare(self, store):
        """A cold file is not in memory."""
        if store == "cold":
            descriptor = os.open(self.files["cold"], os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


class Apus(Server):
    def __init__(self, name, memory, disk, program=".build/release/apus"):
        super().__init__(name, memory, disk)
        self.program = program

    def start(self, prefix=()):
        self.launch(
            [*prefix, self.program, "export", self.files["file"], self.files["cold"], "--ram", str(FILE_BYTES),
             "--portal", "127.0.0.1:0", "--target", IQN])
        url = until(lambda: next((line for line in self.said().splitlines() if line.startswith("iscsi://")), None))
        if not url:
            raise SystemExit(f"bench: {self.program} does not serve: {self.said()}")
        base = url.rsplit("/", 1)[0]
        self.urls = {store: f"{base}/{lun}" for lun, store in enumerate(("file", "cold", "ram"))}


class Tgt(Server):
    """The name ends in the backing-store type."""

    def start(self, prefix=()):
        control, portal = str(random.randint(7000, 27000)), f"127.0.0.1:{free_port()}"
        self.launch([*prefix, "tgtd", "-f", "--control-port", control, "--iscsi", f"portal={portal}"])
        admin = ["tgtadm", "--control-port", control, "--lld", "iscsi", "--tid", "1"]

        def ask(*words):
            return subprocess.run([*admin, *words], stderr=subprocess.DEVNULL, check=False).returncode == 0

        if not until(lambda: ask("--op", "new", "--mode", "target", "-T", IQN)):
            raise SystemExit(f"bench: tgtd does not start: {self.said()}")
        kind = self.name.split("-")[1]
        for lun, (store, path) in enumerate(self.files.items(), 1):
            if ask("--op", "new", "--mode", "logicalunit", "--lun", str(lun), "-b", path, "--bstype", kind):
                self.urls[store] = f"iscsi://{portal}/{IQN}/{lun}"
        ask("--op", "bind", "--mode", "target", "-I", "ALL")
        for digest in ("HeaderDigest", "DataDigest"):
            ask("--op", "update", "--mode", "target", "-n", digest, "-v", "CRC32C,None")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pause(server, seconds):
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(server.process.pid, signal.SIGCONT)


def clear(*folders):
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
