# SPDX-License-Identifier: MIT
"""What is measured. Every function returns plain values for the JSON; report.py judges them."""

import dataclasses
import json
import pathlib
import subprocess
import time

import accounting
import contestants

LEVELS = (1, 8, 64)
STREAMS = {50: (20, 2.0), 500: (100, 3.0)}
"""Number of streams: (milliseconds between two events of one stream, seconds that the full run takes)"""
IDLE = (10, 2000)


@dataclasses.dataclass
class Effort:
    """How much of everything."""

    plain_rounds: int
    rounds: int
    requests: int
    stream_share: float
    growth_requests: int
    starts: int


FULL = Effort(plain_rounds=29, rounds=7, requests=10000, stream_share=1, growth_requests=200000, starts=15)
QUICK = Effort(plain_rounds=11, rounds=3, requests=3000, stream_share=0.4, growth_requests=20000, starts=5)


@dataclasses.dataclass
class Bench:
    """What all measures need."""

    build: pathlib.Path
    home: pathlib.Path
    effort: Effort
    load: contestants.Load


def say(text):
    """Progress."""
    print(f"  {text} ...", flush=True)


def in_turn(runners, rounds, measure):
    """{name: [result of each round]}: side by side, and each round begins with another one."""
    results = {runner.name: [] for runner in runners}
    for number in range(rounds):
        first = number % len(runners)
        for runner in runners[first:] + runners[:first]:
            results[runner.name].append(measure(runner))
    return results


def plain_requests(bench, runners):
    """{connections: {name: [run]}}; many short rounds, as the speed of a shared machine changes within seconds"""
    results = {}
    for level in LEVELS:
        say(f"plain requests, {level} connections")
        count = max(500, bench.effort.requests // (10 if level == 1 else 4))
        results[level] = in_turn(
            runners,
            bench.effort.plain_rounds,
            lambda runner, level=level, count=count: bench.load.run(
                runner.port, runner.pid, connections=level, requests=count, warm_up=200 + 8 * level
            ),
        )
    return results


def idle_connections(bench, runners):
    """{idle connections: {name: [run]}}"""
    say(f"plain requests beside {IDLE[0]} and {IDLE[1]} idle connections")
    results = {idle: {runner.name: [] for runner in runners} for idle in IDLE}
    for number in range(bench.effort.rounds):
        for idle in IDLE if number % 2 == 0 else reversed(IDLE):
            for runner in runners:
                run = bench.load.run(
                    runner.port,
                    runner.pid,
                    connections=8,
                    requests=bench.effort.requests // 2,
                    warm_up=500,
                    idle=idle,
                )
                results[idle][runner.name].append(run)
    return results


def streams(bench):
    """{streams: {name: [run]}}"""
    results = {}
    for count, (interval, seconds) in STREAMS.items():
        events = max(8, int(seconds * bench.effort.stream_share * 1000 / interval))
        say(f"{count} streams with an event each {interval} ms")
        upstream = contestants.Upstream(bench.build, interval, events)
        servers = [
            contestants.NginxStreams(bench.home, upstream).wait(),
            contestants.Aiproxyd(bench.home, upstream).wait(),
        ]
        results[count] = in_turn(
            [upstream, *servers],
            bench.effort.rounds,
            lambda runner, count=count, events=events: bench.load.run(
                runner.port, runner.pid, stream=True, streams=count, events=events
            ),
        )
        for runner in (*servers, upstream):
            runner.stop()
    return results


def memory(bench, upstream, kind):
    """One fresh process: idle, under 64 connections, under 500 streams, and after, at rest."""
    server = kind(bench.home, upstream).wait()
    time.sleep(2)
    result = {
        "idle": accounting.memory(server.pid),
        "sharers": accounting.sharers(server.pid),
        "descriptors_idle": accounting.descriptors(server.pid),
    }
    with accounting.peak_memory(server.pid) as peak:
        bench.load.run(server.port, server.pid, connections=64, requests=bench.effort.requests, warm_up=0)
    result["under_64_connections"] = peak
    with accounting.peak_memory(server.pid) as peak:
        bench.load.run(server.port, server.pid, stream=True, streams=500, events=upstream.events)
    result["under_500_streams"] = peak
    time.sleep(kind.rest)
    result["after"] = accounting.memory(server.pid)
    result["descriptors_after"] = accounting.descriptors(server.pid)
    server.stop()
    return result


def growth(bench, upstream):
    """RSS and descriptors of aiproxyd after each tenth of many requests."""
    count = bench.effort.growth_requests
    say(f"{count} requests in a row")
    server = contestants.Aiproxyd(bench.home, upstream).wait()
    samples = []
    bench.load.run(server.port, server.pid, connections=64, requests=count // 10, warm_up=0)
    for _ in range(11):
        time.sleep(0.2)
        descriptors = accounting.descriptors(server.pid)
        samples.append(accounting.memory(server.pid) | {"descriptors": descriptors})
        if len(samples) < 11:
            bench.load.run(server.port, server.pid, connections=64, requests=count // 10, warm_up=0)
    server.stop()
    return {"requests": count, "samples": samples}


def start_times(bench, upstream, kind):
    """Milliseconds from the start of the process to the end of its first answer."""
    times = []
    for _ in range(bench.effort.starts):
        server = kind(bench.home, upstream).wait()
        bench.load.run(server.port, server.pid, connections=1, requests=1)
        times.append((time.monotonic() - server.started) * 1000)
        server.stop()
    return times


def micro(bench, name):
    """What one of the benchmarks of a part prints: a line of JSON each."""
    output = subprocess.run(
        [bench.build / f"tests/bench/bench-{name}"], check=True, capture_output=True, text=True
    ).stdout
    return [json.loads(line) for line in output.splitlines()]


def json_peek(bench):
    """{kind of body: megabytes per second}"""
    say("JSON peek")
    return {run["body"]: run["median_mb_per_s"] for run in micro(bench, "json-peek")}


def routing(bench):
    """{keys: {strategy: microseconds of one plan}}"""
    say("choosing keys")
    results = {}
    for run in micro(bench, "routing"):
        name = run["strategy"] + (", sticky" if run["sticky"] else "")
        results.setdefault(str(run["keys"]), {})[name] = run["median_ns_per_plan"] / 1000
    return results


def everything(bench):
    """All of it, in one dict."""
    upstream = contestants.Upstream(bench.build, 20, 50)
    nginx = contestants.Nginx(bench.home, upstream).wait()
    aiproxyd = contestants.Aiproxyd(bench.home, upstream).wait()
    result = {"plain": plain_requests(bench, [upstream, nginx, aiproxyd])}
    result["idle"] = idle_connections(bench, [nginx, aiproxyd])
    nginx.stop()
    aiproxyd.stop()
    result["streams"] = streams(bench)
    say("memory and start")
    kinds = (contestants.NginxStreams, contestants.Aiproxyd)
    result["memory"] = {kind.name: memory(bench, upstream, kind) for kind in kinds}
    result["start_ms"] = {kind.name: start_times(bench, upstream, kind) for kind in kinds}
    result["growth"] = growth(bench, upstream)
    upstream.stop()
    result["json_peek"] = json_peek(bench)
    result["routing"] = routing(bench)
    return result
