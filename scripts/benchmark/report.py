# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors

"""Tells what was measured: as text, as Markdown, as a chart."""
from html import escape

from . import configuration

TITLES = {"pinned": "Server and client on one core", "free": "Server and client where the kernel puts them"}
TGT = ("tgt-rdwr", "tgt-aio")
COLOURS = {"floor": "#b0b0b0", "apus": "#1b7f4b", "tgt-rdwr": "#c8553d", "tgt-aio": "#e0a458"}


VARIANTS = {"apus-threads": "by threads", "apus-direct": "O_DIRECT", "apus-poll": "--poll-us 50"}


def rows(result, place):
    """Case by case: what each server needs. Apus with an option has a row of its own, beside the same others."""
    found = {}
    for entry in result["results"]:
        if entry["placement"] == place:
            found.setdefault(entry["case"], {})[entry["server"]] = entry
    lines = {}
    for case, servers in found.items():
        others = {name: entry for name, entry in servers.items() if name not in VARIANTS}
        if "apus" in others:
            lines[case] = others
        for name, option in VARIANTS.items():
            if name in servers:
                lines[f"{case}, {option}"] = {**others, "apus": servers[name]}
    return lines


def ratio(servers, key, other):
    """Apus to `other`, or to the better of tgt's back ends; empty where one has no figure."""
    ours = servers.get("apus", {}).get(key)
    better = max if key == "iops" else min
    theirs = [servers[name][key] for name in (TGT if other == "tgt" else (other,)) if key in servers.get(name, {})]
    return f"{ours / better(theirs):.2f}" if ours and theirs and better(theirs) else ""


def cell(entry):
    if "iops" not in entry:
        return f"{entry['cpu_us']:.1f}"
    rate = f"{entry['iops']:.0f}, {entry['iops'] * entry['bytes'] / 1e6:.0f}"
    latency = "/".join(f"{entry[key]:.0f}" for key in ("p50", "p99", "p999")) if "p50" in entry else ""
    return f"{rate}; {entry['cpu_us']:.1f}" + (f"; {latency}" if latency else "")


def table(result, place):
    found = rows(result, place)
    names = [name for name in dict.fromkeys(entry["server"] for entry in result["results"]) if name not in VARIANTS]
    header = ["case", *names, "CPU: tgt", "rdwr", "floor", "IOPS: tgt", "p99: tgt"]
    lines = [header]
    for case, servers in found.items():
        lines.append([
            case, *(cell(servers[name]) if name in servers else "" for name in names),
            ratio(servers, "cpu_us", "tgt"), ratio(servers, "cpu_us", "tgt-rdwr"), ratio(servers, "cpu_us", "floor"),
            ratio(servers, "iops", "tgt"), ratio(servers, "p99", "tgt")])
    return lines


def places(result):
    return dict.fromkeys(entry["placement"] for entry in result["results"])


def extremes(result):
    return [f"{server}, {what}: " + ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) and value < 1000 else f"{key} {value:.0f}"
        if isinstance(value, (int, float)) else f"{key}: {value}" for key, value in figures.items())
        for server, kinds in result.get("extremes", {}).items() for what, figures in kinds.items()]


def text(result):
    lines = [f"{key}: {value}" for key, value in result["facts"].items()]
    for place in places(result):
        lines += ["", f"{TITLES[place]} (IOPS, MB/s; server CPU µs per I/O; p50/p99/p99.9 µs; ratios of Apus)"]
        rows_ = table(result, place)
        widths = [max(len(row[column]) for row in rows_) for column in range(len(rows_[0]))]
        lines += ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows_]
    return "\n".join([*lines, "", *extremes(result), *configuration.text(result.get("configuration", {}))])


def markdown(result):
    lines = [
        "# Benchmarks", "",
        "Written by `make bench`: Apus and tgt serve files of their own to the same clients, in alternation; medians. A",
        "cell tells IOPS, MB/s; the server's processor time per I/O in µs (user and system, all its threads); the latency",
        "in µs at p50/p99/p99.9. *floor* is what loopback TCP and one pread or pwrite cost alone, by a program of ours in",
        "C. The ratios set Apus against tgt's better back end, against its default (`rdwr`) and against the floor: below 1",
        "is better for CPU and latency, above 1 for IOPS. On one core IOPS count the client's work too. The machine is",
        "shared: take ratios, not figures.", ""]
    lines += [f"- {key}: {value}" for key, value in result["facts"].items()]
    lines += ["", "![Server CPU per I/O](cpu.svg)"]
    for place in places(result):
        rows_ = table(result, place)
        lines += ["", f"## {TITLES[place]}", "", "| " + " | ".join(rows_[0]) + " |",
                  "|---|" + "--:|" * (len(rows_[0]) - 1)]
        lines += ["| " + " | ".join(row) + " |" for row in rows_[1:]]
    if result.get("extremes"):
        lines += ["", "## Thousands of sessions", "", *(f"- {line}" for line in extremes(result))]
    if result.get("configuration"):
        lines += ["", "## Large configurations", "", *(f"- {line}" for line in configuration.text(result["configuration"]))]
    return "\n".join(lines)


def chart(result):
    """Server CPU per I/O on one core, each case by its own scale: the longest bar is the costliest server."""
    found = {case: servers for case, servers in rows(result, "pinned").items() if case.endswith(", apus")}
    names = [name for name in COLOURS if any(name in servers for servers in found.values())]
    bar, gap, left, width = 11, 10, 330, 900
    block = bar * len(names) + gap
    height = 60 + block * len(found)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<text x="10" y="18" font-size="14">Server CPU per I/O on one core, µs (shorter is better)</text>']
    for index, name in enumerate(names):
        x = 10 + 110 * index
        parts.append(f'<rect x="{x}" y="28" width="10" height="10" fill="{COLOURS[name]}"/>'
                     f'<text x="{x + 15}" y="37">{escape(name)}</text>')
    for row, (case, servers) in enumerate(found.items()):
        top = 52 + row * block
        longest = max(entry["cpu_us"] for entry in servers.values())
        parts.append(f'<text x="{left - 8}" y="{top + block / 2 - 2}" text-anchor="end">{escape(case[:-6])}</text>')
        for index, name in enumerate(names):
            if name not in servers:
                continue
            cost = servers[name]["cpu_us"]
            length = (width - left - 70) * cost / longest
            y = top + index * bar
            parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" fill="{COLOURS[name]}"/>'
                         f'<text x="{left + length + 4:.1f}" y="{y + 8}" font-size="9">{cost:.1f}</text>')
    return "\n".join([*parts, "</svg>"])
