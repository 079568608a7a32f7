# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""What the machine is, and who else uses it."""
import os
import subprocess
import time


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def version(package):
    return output("dpkg-query", "-W", "-f", "${Version}", package)


def facts():
    model = next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{model}, {os.cpu_count()} processors",
        "kernel": output("uname", "-sr"),
        "apus": output("git", "describe", "--always", "--dirty"),
        "tgt": version("tgt"),
        "clients": f"apus initiator perf, libiscsi {version('libiscsi-bin')}, QEMU {version('qemu-utils')}",
    }


def processor_times():
    """Ticks of all processors: stolen by the host, busy, all."""
    ticks = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
    return ticks[7], sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def cpu_ns(pid):
    """What a process has used of the processors, all its threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0])
        except FileNotFoundError:
            pass
    return total


def resident_bytes(pid):
    return int(open(f"/proc/{pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def core():
    """The last processor that may be used: the first is where most interrupts go."""
    return max(os.sched_getaffinity(0))
