# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""Thousands of sessions: what an idle one costs, and whether many busy ones are served alike; a disk that has to be
waited for, and what its neighbours feel of it."""
import json
import os
import subprocess
import time

from . import clients, machine, servers

IDLE = 10_000
BUSY = 1_000


def idle(server):
    """Bytes of memory and processor time that an idle session takes."""
    before = machine.resident_bytes(server.process.pid)
    client = subprocess.Popen(
        [".build/release/apus", "initiator", "perf", server.urls["file"], "--sessions", str(IDLE), "--depth", "0",
         "--seconds", "12"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    highest, last, used = before, None, 0
    while client.poll() is None:
        time.sleep(1)
        now, cpu = machine.resident_bytes(server.process.pid), machine.cpu_ns(server.process.pid)
        highest = max(highest, now)
        # The quietest second is one in which all sessions are there and nothing happens.
        used = min(used or 1e9, cpu - last) if last is not None else 0
        last = cpu
    if client.returncode:
        return {"failure": client.stderr.read().strip()}
    return {"sessions": IDLE, "bytes per session": (highest - before) // IDLE,
            "server CPU of a quiet second, ms": used / 1e6}


def busy(server):
    try:
        report = json.loads(clients.finish(
            [".build/release/apus", "initiator", "perf", server.urls["file"], "--sessions", str(BUSY), "--depth", "32",
             "--seconds", "5", "--warm-up", "2", "--json"], 180))
    except clients.Failure as failure:
        return {"failure": str(failure)}
    return {"sessions": BUSY, "depth": 32, "IOPS": report["iops"], "fairness": report["fairness"]["index"],
            "least": report["fairness"]["least"], "most": report["fairness"]["most"],
            "p50, µs": report["latencyMicroseconds"]["p50"], "p99, µs": report["latencyMicroseconds"]["p99"]}


def neighbour(server, disk):
    """How long a read of a file in memory takes while the same thread of the server serves one that is cold."""
    path = f"{disk}/vast.img"
    if not os.path.exists(path):
        servers.vast_file(path)
    server.files["vast"] = path
    server.start(["taskset", "-c", str(machine.core())])
    try:
        quick = ["initiator", "perf", server.urls["file"], "--depth", "1", "--json"]
        alone = json.loads(clients.finish([".build/release/apus", *quick, "--seconds", "2"], 60))
        server.prepare("vast")
        cold = subprocess.Popen(
            [".build/release/apus", "initiator", "perf", server.urls["vast"], "--depth", "32", "--block-size", "65536",
             "--seconds", "4", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(1)
        beside = json.loads(clients.finish([".build/release/apus", *quick, "--seconds", "2"], 60))
        told = cold.communicate()[0]
    except clients.Failure as failure:
        return {"failure": str(failure)}
    finally:
        server.stop()
        del server.files["vast"]
    figures = {"cold reads/s": json.loads(told)["iops"] if told else 0}
    for name, report in (("alone", alone), ("beside it", beside)):
        for key in ("p50", "p99", "p999"):
            figures[f"{key} {name}, µs"] = report["latencyMicroseconds"][key]
    return figures


def measure(all_servers, disk):
    """With each server that has not served before: memory that was taken once is not given back."""
    result = {}
    for server in all_servers:
        if server.name in ("apus-direct", "apus-poll"):
            continue
        result[server.name] = {"a cold file of 20 GiB beside one in memory": neighbour(server, disk)}
        if server.name == "apus-threads":
            continue
        server.start()
        try:
            result[server.name] |= {"idle": idle(server), "busy": busy(server)}
        finally:
            server.stop()
    return result
