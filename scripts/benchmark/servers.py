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


def vast_file(path):
    """20 GiB, an eighth of it data, the rest holes."""
    piece = os.urandom(2 << 20)
    with open(path, "wb") as file:
        file.truncate(20 << 30)
        for start in range(0, 20 << 30, 16 << 20):
            file.seek(start)
            file.write(piece)
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

    def takes(self, case):
        """Whether the case is worth measuring with it."""
        return case.store in self.urls

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
        path = self.files.get({"direct": "cold"}.get(store, store))
        if store in ("cold", "direct", "vast"):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


class Apus(Server):
    """`options` are further words for `apus export`, `only` tells the cases that show what they do."""

    def __init__(self, name, memory, disk, program=".build/release/apus", options=(), only=lambda case: True):
        super().__init__(name, memory, disk)
        self.program, self.options, self.only = program, options, only

    def takes(self, case):
        return super().takes(case) and self.only(case)

    def start(self, prefix=()):
        self.launch(
            [*prefix, self.program, "export", *self.files.values(), "--ram", str(FILE_BYTES), *self.options,
             "--portal", "127.0.0.1:0", "--target", IQN])
        url = until(lambda: next((line for line in self.said().splitlines() if line.startswith("iscsi://")), None))
        if not url:
            raise SystemExit(f"bench: {self.program} does not serve: {self.said()}")
        base = url.rsplit("/", 1)[0]
        self.urls = {store: f"{base}/{lun}" for lun, store in enumerate(self.stores)}

    @property
    def stores(self):
        """What its LUNs are, in their order."""
        past = "--direct" in self.options
        return [*("direct" if past and store == "cold" else store for store in self.files), "ram",
                *(["null"] if "--null" in self.options else [])]


def variants(memory, disk):
    """Apus as it is served by default, and as its options make it where those matter."""
    return [
        Apus("apus", memory, disk, options=["--null", str(FILE_BYTES)]),
        Apus("apus-threads", memory, disk, options=["--io-engine", "threads"],
             only=lambda case: case.store == "cold"),
        Apus("apus-direct", memory, disk, options=["--direct"], only=lambda case: case.store == "direct"),
        Apus("apus-poll", memory, disk, options=["--poll-us", "50"],
             only=lambda case: case.depth == 1 and case.store == "file" and case.client == "apus"),
    ]


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
        if kind == "aio":
            # It opens its files with O_DIRECT always.
            self.urls["direct"] = self.urls["cold"]
        null = len(self.files) + 1
        if kind == "rdwr" and ask(
                "--op", "new", "--mode", "logicalunit", "--lun", str(null), "-b", self.files["file"], "--bstype", "null"):
            self.urls["null"] = f"iscsi://{portal}/{IQN}/{null}"
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
