# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""Runs the cases and gathers what they tell."""
import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile

from . import clients, configuration, extremes, machine, report, servers
from .cases import CASES

RESULTS = "docs/benchmarks"


def arguments(description):
    parser = argparse.ArgumentParser(prog="scripts/bench", description=description)
    parser.add_argument("--quick", action="store_true", help="1 run of the first cases on one core; writes nothing")
    parser.add_argument("--runs", type=int, default=5, help="medians of so many runs (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1, help="of one measurement (%(default)s)")
    parser.add_argument("--only", metavar="PATTERN", help="cases whose names match; writes nothing")
    parser.add_argument("--pinned", action="store_true", help="one core only; writes nothing")
    parser.add_argument("--against", metavar="NAME=APUS", action="append", default=[],
                        help="another build of Apus as well; may be repeated; writes nothing")
    parser.add_argument("--configuration", action="store_true", help="large configurations only; writes nothing")
    parser.add_argument("--no-extremes", action="store_true", help="not the thousands of sessions; writes nothing")
    return parser.parse_args()


def build():
    for product in ("apus", "bench-floor"):
        subprocess.run(
            ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", product, "--quiet"], check=True)


def chosen(options):
    cases = CASES
    if options.only:
        cases = [case for case in cases if re.search(options.only, case.key)]
    elif options.quick:
        cases = [case for case in cases if case.client == "apus" and case.sessions == 1 and case.store == "file"]
    if not cases:
        raise SystemExit("bench: no case matches")
    return cases


def measure(case, server, seconds, prefix):
    """One sample; None where the server cannot do the case."""
    if not server.takes(case):
        return None
    server.prepare(case.store)
    before = machine.cpu_ns(server.process.pid)
    try:
        sample = clients.CLIENTS[case.client](case, server, seconds, prefix)
    except clients.Failure as failure:
        print(f"\nbench: {case.key}, {server.name}: {failure}", file=sys.stderr)
        return None
    cpu = machine.cpu_ns(server.process.pid) - before
    if not sample["ios"]:
        return None
    return {"iops": sample["ios"] / sample["seconds"], "cpu_us": cpu / 1000 / sample["ios"],
            **{key: sample[key] for key in ("p50", "p99", "p999", "client_us", "fairness") if key in sample}}


def placement(name, cases, all_servers, options):
    """Every case with every server, the servers in turn, so that a slow minute meets all of them."""
    prefix = ["taskset", "-c", str(machine.core())] if name == "pinned" else []
    samples = {}
    for server in all_servers:
        server.start(prefix)
    try:
        for _ in range(options.runs):
            for case in cases:
                for server in all_servers:
                    sample = measure(case, server, options.seconds, prefix)
                    if sample:
                        samples.setdefault((case.key, server.name), []).append(sample)
                if case.store == "file" and case.sessions == 1 and not case.digests:
                    cost = clients.floor(case, options.seconds / 2, prefix, all_servers[0].files["file"])
                    samples.setdefault((case.key, "floor"), []).append({"cpu_us": cost})
                print(".", end="", file=sys.stderr, flush=True)
    finally:
        for server in all_servers:
            server.stop()
    return [
        {"placement": name, "case": case.key, "bytes": case.bytes, "server": server,
         **medians(samples[case.key, server]), "samples": samples[case.key, server]}
        for case in cases for server in [*(s.name for s in all_servers), "floor"] if (case.key, server) in samples]


def medians(samples):
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def main(description):
    options = arguments(description)
    if options.quick:
        options.runs, options.pinned = 1, True
    writes = not (options.quick or options.only or options.pinned or options.against or options.no_extremes)
    if writes and options.runs < 5:
        raise SystemExit("bench: what is written down is the median of at least 5 runs")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    build()
    if options.configuration:
        return print("\n".join(configuration.text(configuration.measure(".build/release/apus"))))
    cases = chosen(options)
    with tempfile.TemporaryDirectory(prefix="apus-bench.", dir="/dev/shm") as memory, \
            tempfile.TemporaryDirectory(prefix="apus-bench.", dir="/var/tmp") as disk:
        others = [servers.Apus(*text.split("=", 1)[:1], memory, disk, text.split("=", 1)[1])
                  for text in options.against]
        all_servers = [*servers.variants(memory, disk), *others,
                       servers.Tgt("tgt-rdwr", memory, disk), servers.Tgt("tgt-aio", memory, disk)]
        result = {"facts": {**machine.facts(), "runs": options.runs, "seconds of each": options.seconds,
                            "load average before": " ".join(open("/proc/loadavg").read().split()[:3])}}
        stolen, busy, elapsed = machine.processor_times()
        result["results"] = []
        for name in ("pinned",) if options.pinned else ("pinned", "free"):
            result["results"] += placement(name, cases, all_servers, options)
        if not (options.quick or options.only or options.no_extremes):
            result["extremes"] = extremes.measure(all_servers, disk)
            result["configuration"] = configuration.measure(".build/release/apus")
        print(file=sys.stderr)
        stolen_now, _, elapsed_now = machine.processor_times()
        result["facts"]["steal"] = f"{100 * (stolen_now - stolen) / (elapsed_now - elapsed):.1f} %"
        result["facts"]["load average after"] = " ".join(open("/proc/loadavg").read().split()[:3])
    print(report.text(result))
    if writes:
        os.makedirs(RESULTS, exist_ok=True)
        for path, content in (("latest.json", json.dumps(result, indent=1)), ("README.md", report.markdown(result)),
                              ("cpu.svg", report.chart(result))):
            with open(f"{RESULTS}/{path}", "w") as file:
                file.write(content + "\n")
        print(f"written: {RESULTS}")
