# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""What is measured."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    bytes: int
    depth: int
    #: Of a hundred I/Os, how many are reads.
    read: int = 100
    order: str = "random"
    sessions: int = 1
    digests: bool = False
    #: file (on tmpfs), cold (a file on disk, not in memory), direct (that past the page cache), ram, null (which keeps
    #: nothing).
    store: str = "file"
    client: str = "apus"

    @property
    def key(self):
        return f"{self.name}, {self.client}"


def _case(size, depth, read=100, order="random", **more):
    sizes = {4096: "4 KiB", 131072: "128 KiB", 1048576: "1 MiB"}
    what = {100: "read", 0: "write"}.get(read, f"{read}/{100 - read}")
    name = f"{sizes[size]} {order} {what}, QD {depth}"
    if more.get("sessions", 1) > 1:
        name += f", {more['sessions']} sessions"
    if more.get("digests"):
        name += ", digests"
    if more.get("store", "file") != "file":
        name += f", {more['store']}"
    return Case(name, size, depth, read, order, **more)


K4, K128, M1 = 4096, 131072, 1048576

CASES = [
    *[_case(K4, depth, read) for read in (100, 0, 70) for depth in (1, 32, 128)],
    *[_case(K128, 32, read, "sequential") for read in (100, 0)],
    *[_case(M1, 8, read, "sequential") for read in (100, 0)],
    *[_case(K4, 32, read, sessions=4) for read in (100, 0)],
    _case(M1, 8, order="sequential", sessions=4),
    _case(K4, 32, sessions=16),
    _case(K4, 4, sessions=256),
    *[_case(K4, 32, read, digests=True) for read in (100, 0)],
    *[_case(K128, 32, read, "sequential", digests=True) for read in (100, 0)],
    _case(K4, 32, store="ram"),
    _case(K4, 32, 0, store="ram"),
    *[_case(K4, depth, read, store="null") for read in (100, 0) for depth in (1, 32)],
    _case(K4, 32, store="cold"),
    _case(M1, 8, order="sequential", store="cold"),
    *[_case(K4, 32, read, store="direct") for read in (100, 0)],
    _case(M1, 8, order="sequential", store="direct"),
    # Clients that nobody here wrote.
    *[_case(K4, depth, client="iscsi-perf") for depth in (1, 32, 128)],
    _case(M1, 8, order="sequential", client="iscsi-perf"),
    *[_case(K4, 32, read, "sequential", client="qemu-img") for read in (100, 0)],
    *[_case(M1, 8, read, "sequential", client="qemu-img") for read in (100, 0)],
]
