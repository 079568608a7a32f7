# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""Each client measures a case with a server and tells: I/Os, seconds, and what else it knows."""
import json
import re
import subprocess
import time

from . import servers


class Failure(Exception):
    pass


def finish(command, limit):
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{command[0]} does not end") from error
    if result.returncode:
        raise Failure((result.stderr or result.stdout).strip().splitlines()[-1])
    return result.stdout + result.stderr


def apus(case, server, seconds, prefix):
    command = [
        *prefix, ".build/release/apus", "initiator", "perf", server.urls[case.store], "--json",
        "--seconds", str(seconds), "--depth", str(case.depth), "--block-size", str(case.bytes),
        "--read", str(case.read), "--sessions", str(case.sessions)]
    if case.order == "sequential":
        command.append("--sequential")
    if case.digests:
        command += ["--header-digest", "--data-digest"]
    report = json.loads(finish(command, seconds + 90))
    latency = report["latencyMicroseconds"]
    return {
        "ios": report["reads"] + report["writes"], "seconds": report["seconds"],
        "p50": latency["p50"], "p99": latency["p99"], "p999": latency["p999"],
        "client_us": report["clientCPUMicrosecondsPerIO"], "fairness": report["fairness"]["index"]}


def iscsi_perf(case, server, seconds, prefix):
    command = [*prefix, "iscsi-perf", "-t", str(int(max(1, seconds))), "-m", str(case.depth), "-b", str(case.bytes // 512)]
    if case.order == "random":
        command.append("-r")
    start = time.monotonic()
    client = subprocess.Popen(
        [*command, server.urls[case.store]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True)
    time.sleep(seconds)
    # It looks at the time only when its socket is empty, which a server on its core that keeps up never lets happen.
    while client.poll() is None:
        servers.pause(server, 0.01)
        time.sleep(0.1)
    elapsed = time.monotonic() - start
    rates = re.findall(r"iops average (\d+)", client.stdout.read())
    if not rates:
        raise Failure("iscsi-perf got no answer")
    return {"ios": int(int(rates[-1]) * elapsed), "seconds": elapsed}


def qemu_img(case, server, seconds, prefix):
    count = int(seconds * (40_000 if case.bytes == 4096 else 800))
    command = [*prefix, "qemu-img", "bench", "-f", "raw", "-t", "none", "-c", str(count), "-d", str(case.depth),
               "-s", str(case.bytes)]
    if case.read == 0:
        command.append("-w")
    told = finish([*command, server.urls[case.store]], seconds * 30 + 60)
    return {"ios": count, "seconds": float(re.search(r"completed in ([\d.]+)", told).group(1))}


CLIENTS = {"apus": apus, "iscsi-perf": iscsi_perf, "qemu-img": qemu_img}


def floor(case, seconds, prefix, path):
    """The least that the case can cost: microseconds of server time per I/O; of a mix, by its parts."""
    costs = []
    for what, share in (("read", case.read / 100), ("write", 1 - case.read / 100)):
        if share > 0:
            words = finish(
                [*prefix, ".build/release/bench-floor", what, str(case.bytes), str(case.depth), str(seconds), path],
                seconds + 60).split()
            costs.append(share * float(words[2]) / 1000 / int(words[0]))
    return sum(costs)
