# SPDX-License-Identifier: MIT
"""From measured values to rows with a target and a verdict."""

import statistics

import measures

KIB_GROWTH_ALLOWED = 256
"""What the allocator may still move after the warm-up. A leak of the smallest block that malloc gives, 32
bytes, in each of 200,000 requests would be 6250 KiB; one in each tenth request would still be seen."""
IDLE_RATIO_ALLOWED = 1.1
CHOICE_US = {"3": 1, "1000": 20}


def row(name, measured, nginx="", ratio="", target="", good=None):
    """One line of the table; `good` is None where there is no target, or no telling."""
    verdict = "" if good is None else "ok" if good else "MISSED"
    return {
        "name": name,
        "measured": measured,
        "nginx": nginx,
        "ratio": ratio,
        "target": target,
        "verdict": verdict,
    }


def median(runs, *path):
    """The median over the rounds of one figure."""
    values = runs
    for step in path:
        values = [value[step] for value in values]
    return statistics.median(values)


def against_nginx(name, runs, limit):
    """CPU time of both and their ratio, round by round."""
    ratios = [ours["cpu_us"] / theirs["cpu_us"] for ours, theirs in zip(runs["aiproxyd"], runs["nginx"])]
    middle = statistics.median(ratios)
    return row(
        name,
        f"{median(runs['aiproxyd'], 'cpu_us'):.1f} us",
        f"{median(runs['nginx'], 'cpu_us'):.1f} us",
        f"{middle:.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
        f"<= {limit} x nginx",
        middle <= limit,
    )


def added(name, runs, figure, share):
    """What each adds to going direct."""
    direct = median(runs["direct"], figure, share)
    ours, theirs = (median(runs[who], figure, share) - direct for who in ("aiproxyd", "nginx"))
    return row(f"{name} {share}", f"{ours:.0f} us", f"{theirs:.0f} us")


def request_rows(result):
    """Plain requests."""
    for level, runs in result["plain"].items():
        yield against_nginx(f"CPU per request, {level} connection{'' if level == 1 else 's'}", runs, 2.5)
    for share in ("p50", "p99"):
        yield added("added latency, 1 connection", result["plain"][1], "latency_us", share)
    few, many = (result["idle"][idle] for idle in measures.IDLE)
    costs = {who: [median(runs[who], "cpu_us") for runs in (few, many)] for who in ("aiproxyd", "nginx")}
    growth = costs["aiproxyd"][1] / costs["aiproxyd"][0]
    yield row(
        f"CPU per request, {measures.IDLE[0]} -> {measures.IDLE[1]} idle connections",
        "{:.1f} -> {:.1f} us".format(*costs["aiproxyd"]),
        "{:.1f} -> {:.1f} us".format(*costs["nginx"]),
        f"{growth:.2f}",
        f"flat (<= {IDLE_RATIO_ALLOWED})",
        growth <= IDLE_RATIO_ALLOWED,
    )


def stream_rows(result):
    """Streams."""
    for count, runs in result["streams"].items():
        yield against_nginx(f"CPU per event, {count} streams", runs, 1.4)
    for count, runs in result["streams"].items():
        for share in ("p50", "p99"):
            yield added(f"added delay per event, {count} streams", runs, "delay_us", share)


def memory_rows(result):
    """Memory, descriptors, start."""
    ours, theirs = result["memory"]["aiproxyd"], result["memory"]["nginx"]
    limits = {("private", "idle"): 6, ("rss", "idle"): 20}
    labels = {"written": "private memory, written", "private": "private memory, all", "rss": "RSS"}
    for kind, label in labels.items():
        for state in ("idle", "under_64_connections", "under_500_streams", "after"):
            limit = limits.get((kind, state))
            judged = limit is not None and (kind != "private" or ours["sharers"] == 0)
            yield row(
                f"{label}, {state.replace('_', ' ')}",
                f"{ours[state][kind] / 1024:.1f} MiB",
                f"{theirs[state][kind] / 1024:.1f} MiB",
                "" if kind != "private" or ours["sharers"] == 0 else f"{ours['sharers']} others share",
                f"<= {limit} MiB" if limit else "",
                ours[state][kind] <= limit * 1024 if judged else None,
            )
    growth = result["growth"]
    first, *later = growth["samples"]
    rss = max(sample["rss"] for sample in later) - first["rss"]
    opened = later[-1]["descriptors"] - first["descriptors"]
    what = f"over {growth['requests']} requests"
    yield row(f"growth of RSS {what}", f"{rss} KiB", target="none", good=rss <= KIB_GROWTH_ALLOWED)
    yield row(f"growth of descriptors {what}", f"{opened}", target="none", good=opened <= 0)
    start = {who: statistics.median(times) for who, times in result["start_ms"].items()}
    yield row(
        "start to first answer",
        f"{start['aiproxyd']:.1f} ms",
        f"{start['nginx']:.1f} ms",
        target="<= 50 ms",
        good=start["aiproxyd"] <= 50,
    )


def peek_rows(result):
    """The JSON peek."""
    for body, speed in result["json_peek"].items():
        yield row(f"JSON peek, {body}", f"{speed:.0f} MB/s", target=">= 500 MB/s", good=speed >= 500)


def routing_rows(result):
    """One plan, by the strategy that takes longest."""
    for keys, limit in CHOICE_US.items():
        strategy, took = max(result["routing"][keys].items(), key=lambda item: item[1])
        name = f"choosing among {int(keys):,} keys, {strategy}"
        yield row(name, f"{took:.2f} us", target=f"<= {limit} us", good=took <= limit)


def rows(result):
    """The whole table."""
    parts = (request_rows, stream_rows, memory_rows, peek_rows, routing_rows)
    return [line for part in parts for line in part(result)]


COLUMNS = {
    "name": "",
    "measured": "aiproxyd",
    "nginx": "nginx",
    "ratio": "ratio (spread)",
    "target": "target",
    "verdict": "",
}


def table(lines, columns):
    """As Markdown, readable in a terminal too; `columns` maps what a line has to its heading."""
    cells = [list(columns.values())] + [[line[name] for name in columns] for line in lines]
    widths = [max(len(cell) for cell in column) for column in zip(*cells)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in cells
    )
