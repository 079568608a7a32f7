# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""Thousands of sessions: what an idle one costs, and whether many busy ones are served alike."""
import json
import subprocess
import time

from . import clients, machine

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


def measure(servers):
    """With each server that has not served before: memory that was taken once is not given back."""
    result = {}
    for server in servers:
        server.start()
        try:
            result[server.name] = {"idle": idle(server), "busy": busy(server)}
        finally:
            server.stop()
    return result
