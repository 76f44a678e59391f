# SPDX-License-Identifier: MIT
"""Instructions per request and per event, counted by callgrind: noise-free, and it tells where they go."""

import re
import subprocess

import contestants

REQUESTS = (500, 2500)
STREAM_COUNT = 10
EVENTS = (50, 250)


def total(profile):
    """The instructions of one run."""
    found = re.search(r"^(?:totals|summary): (\d+)", profile.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise SystemExit(f"no total in {profile}")
    return int(found[1])


def profile_run(bench, kind, n_events, name, **what):
    """One run under callgrind; returns its instructions."""
    folder = bench.build / "callgrind"
    folder.mkdir(exist_ok=True)
    profile = folder / f"{kind.name}-{name}.out"
    upstream = contestants.Upstream(bench.build, 20, n_events)
    wrapper = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={profile}"]
    server = kind(bench.home, upstream, wrapper).wait()
    bench.load.run(server.port, server.pid, **what)
    server.stop()
    upstream.stop()
    return total(profile)


def count(bench):
    """{name: {"request": n, "event": n}}; what start and stop take cancels out between a short and a long run."""
    results = {}
    for kind in (contestants.NginxStreams, contestants.Aiproxyd):
        plain = [profile_run(bench, kind, 1, f"requests-{n}", connections=8, requests=n) for n in REQUESTS]
        events = [
            profile_run(bench, kind, n, f"events-{n}", stream=True, streams=STREAM_COUNT, events=n)
            for n in EVENTS
        ]
        results[kind.name] = {
            "request": (plain[1] - plain[0]) / (REQUESTS[1] - REQUESTS[0]),
            "event": (events[1] - events[0]) / (EVENTS[1] - EVENTS[0]) / STREAM_COUNT,
        }
    return results


def top(bench, name, lines=25):
    """The functions that take most, as callgrind_annotate names them."""
    profile = bench.build / "callgrind" / f"aiproxyd-{name}.out"
    output = subprocess.run(
        ["callgrind_annotate", "--threshold=100", profile], check=True, capture_output=True, text=True
    ).stdout
    return [line for line in output.splitlines() if re.match(r"^ *[\d,]+ \(", line)][: lines + 1]


def report(bench):
    """Counts and prints."""
    results = count(bench)
    for what in ("request", "event"):
        ours, theirs = results["aiproxyd"][what], results["nginx"][what]
        print(
            f"instructions per {what}: aiproxyd {ours:,.0f}, nginx {theirs:,.0f}, ratio {ours / theirs:.2f}"
        )
    for name in (f"requests-{REQUESTS[1]}", f"events-{EVENTS[1]}"):
        print(f"\naiproxyd, {name} (callgrind_annotate {bench.build}/callgrind/aiproxyd-{name}.out):")
        print("\n".join(top(bench, name)))
    return results
