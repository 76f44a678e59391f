# SPDX-License-Identifier: MIT
"""From what was measured on the bus to rows with a target and a verdict."""

import statistics

START_MS = 150
STATUS_MS = 30
CHANGE_MS = 5
DELAY_RATIO_ALLOWED = 1.1
"""Two runs of the same on such a machine differ by less than this in the median; not so in the 99th percentile."""


def share(values, percent):
    """A percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def row(name, measured, detail="", limit=None, value=None):
    """One line of the table; without a `value` there is no telling."""
    return {
        "name": name,
        "measured": measured,
        "detail": detail,
        "target": "" if limit is None else f"<= {limit}",
        "verdict": "" if value is None else "ok" if value[0] <= value[1] else "MISSED",
    }


def timed(name, times, limit=None, detail="", judged=True):
    """Median and 99th percentile of times in milliseconds."""
    middle = statistics.median(times)
    text = f"{middle:.2f} ms, p99 {share(times, 99):.2f} ms"
    value = (middle, limit) if limit is not None and judged else None
    return row(name, text, detail, None if limit is None else f"{limit} ms", value)


def start_rows(result):
    """From the start of the process on."""
    for place, where in (("environment", "secrets in the environment"), ("keyring", "secrets in the keyring")):
        runs = result[place]["start"]
        alone = statistics.median(run["keyring_cpu_ms"] for run in runs)
        cpu = statistics.median(run["cpu_ms"] for run in runs)
        late = sum(not run["all_keys"] for run in runs)
        detail = f"CPU of aiproxyd {cpu:.0f} ms, of gnome-keyring {alone:.0f} ms"
        detail += f"; {late} of {len(runs)} came without all keys" if late else ""
        http, name = ([run[figure] for run in runs] for figure in ("http_ms", "name_ms"))
        yield timed(f"start to first HTTP answer, {where}", http, START_MS)
        # The name comes with all keys, and what gnome-keyring takes to hand them out, no client can take away.
        yield timed(f"start to name on the bus, {where}", name, START_MS, detail, alone < START_MS)


def call_rows(result):
    """What asks only."""
    calls = result["keyring"]["status"]
    yield timed("aiproxyctl status", calls["aiproxyctl_ms"], STATUS_MS)
    yield timed("Manager's properties", calls["get_all_ms"])
    yield timed("all 1,511 objects", calls["objects_ms"])


def change_rows(result):
    """What changes the config file."""
    disk = result["keyring"]["changes_disk"]["disk"]
    alone = statistics.median(disk["file"])
    for place, where in (("changes_memory", "file in memory"), ("changes_disk", "file on the disk")):
        for kind in ("Key.Update", "Manager.Strategy"):
            runs = result["keyring"][place][kind]
            judged = place == "changes_memory" or alone < CHANGE_MS
            detail = f"CPU {runs['cpu_ms']:.2f} ms"
            yield timed(f"{kind}, {where}", runs["ms"], CHANGE_MS, detail, judged)
    yield timed("the disk alone: such a file and its fsync", disk["file"])
    yield timed("the disk alone: fsync of its folder", disk["folder"])


def request_rows(result):
    """Requests beside bus traffic."""
    runs = result["requests"]
    names = {
        "quiet": "no bus traffic",
        "elsewhere": "another daemon's bus busy",
        "here": "this bus busy",
        "live": "this bus busy with requests' signals, too",
    }
    for figure in ("p50", "p99"):
        for kind, name in names.items():
            values = [run["latency_us"][figure] for run in runs[kind]]
            ratios = [
                run["latency_us"][figure] / other["latency_us"][figure]
                for run, other in zip(runs[kind], runs["elsewhere"])
            ]
            middle = statistics.median(ratios)
            judged = kind in ("here", "live") and figure == "p50"
            yield row(
                f"request, 4 connections, {name}, {figure}",
                f"{statistics.median(values):.0f} us",
                "" if kind == "elsewhere" else f"{middle:.2f} of elsewhere ({min(ratios):.2f}-{max(ratios):.2f})",
                f"{DELAY_RATIO_ALLOWED} of elsewhere" if judged else None,
                (middle, DELAY_RATIO_ALLOWED) if judged else None,
            )
    cpu = {kind: statistics.median(run["cpu_us"] for run in runs[kind]) for kind in names}
    yield row("CPU per request, no bus traffic / elsewhere", f"{cpu['quiet']:.1f} / {cpu['elsewhere']:.1f} us")


def memory_rows(result):
    """Idle, with all keys and objects."""
    for place, where in (("environment", "environment"), ("keyring", "keyring")):
        memory = {kind: f"{kib / 1024:.1f} MiB" for kind, kib in result[place]["memory"].items()}
        detail = f"private {memory['private']}, written {memory['written']}"
        yield row(f"RSS, idle, secrets in the {where}", memory["rss"], detail)


def rows(result):
    """The whole table."""
    parts = (start_rows, call_rows, change_rows, request_rows, memory_rows)
    return [line for part in parts for line in part(result)]


COLUMNS = {"name": "", "measured": "aiproxyd", "detail": "", "target": "target", "verdict": ""}
