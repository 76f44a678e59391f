# SPDX-License-Identifier: MIT
"""What is measured on the bus. Every function returns plain values for the JSON; bus_report.py judges them."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import accounting
import contestants
import session
from gi.repository import GLib
from measures import say

MEMORY_FOLDER = pathlib.Path("/dev/shm")
MANAGER = "org.example.AIProxy1.Manager"


@dataclasses.dataclass
class Effort:
    """How much of everything."""

    starts: int
    calls: int
    changes: int
    rounds: int
    requests: int


FULL = Effort(starts=9, calls=31, changes=200, rounds=15, requests=4000)
QUICK = Effort(starts=3, calls=9, changes=40, rounds=3, requests=1500)


def milliseconds(func):
    """How long it takes."""
    began = time.monotonic()
    func()
    return (time.monotonic() - began) * 1000


# --- the start ---


def await_answer(server, times):
    """Waits for the first HTTP answer, whatever it says."""
    while server.process.poll() is None:
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if sock.recv(1):
                times["http_ms"] = (time.monotonic() - server.started) * 1000
                return
        time.sleep(0.0005)


def start(bench, upstream, home, secret):
    """A started daemon, and {"http_ms", "name_ms", "cpu_ms"}."""
    times = {}
    main = GLib.MainContext.default()
    watch = home.bus.signal_subscribe(
        "org.freedesktop.DBus",
        "org.freedesktop.DBus",
        "NameOwnerChanged",
        None,
        session.NAME,
        0,
        lambda *signal_: times.setdefault("owned", time.monotonic()) if signal_[5].unpack()[2] else None,
    )
    server = session.OnBus(bench.home, upstream, home, secret)
    asking = threading.Thread(target=await_answer, args=(server, times))
    asking.start()
    while "owned" not in times and server.process.poll() is None:
        if not main.iteration(False):
            time.sleep(0.0002)
    times["cpu_ms"] = server.cpu_seconds() * 1000
    asking.join()
    home.bus.signal_unsubscribe(watch)
    times["name_ms"] = (times.pop("owned") - server.started) * 1000
    return server, times


def starts(bench, upstream, home, secret):
    """[times of each start]"""
    results = []
    keyring = home.keyring_pid()
    for _ in range(bench.effort.starts):
        before = session.cpu_seconds(keyring)
        server, times = start(bench, upstream, home, secret)
        times["keyring_cpu_ms"] = (session.cpu_seconds(keyring) - before) * 1000
        times["all_keys"] = home.check_keys()
        server.stop()
        results.append(times)
    return results


# --- calls and changes ---


def status(bench, home):
    """Milliseconds of `aiproxyctl status`, and of the one call of its kind."""
    command = [bench.build / "daemon/ctl/aiproxyctl", "status"]
    environment = os.environ | {"DBUS_SESSION_BUS_ADDRESS": home.address}
    properties = GLib.Variant("(s)", (MANAGER,))

    def run():
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    def call():
        home.ask(session.ROOT, "org.freedesktop.DBus.Properties", "GetAll", properties)

    def list_all():
        home.ask(session.ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")

    kinds = {"aiproxyctl_ms": run, "get_all_ms": call, "objects_ms": list_all}
    return {name: [milliseconds(func) for _ in range(bench.effort.calls)] for name, func in kinds.items()}


def update_weight(home, number):
    """Key.Update."""
    weight = {"weight": GLib.Variant("i", 2 + number // session.KEYS + number % 7)}
    path = f"{session.ROOT}/key/{session.key_name(number % session.KEYS)}"
    home.ask(path, "org.example.AIProxy1.Key", "Update", GLib.Variant("(a{sv}a{sv})", (weight, {})))


def set_strategy(home, number):
    """A property that can be written."""
    value = GLib.Variant("s", ("random", "round_robin")[number % 2])
    parameters = GLib.Variant("(ssv)", (MANAGER, "Strategy", value))
    home.ask(session.ROOT, "org.freedesktop.DBus.Properties", "Set", parameters)


def disk_times(folder, size, count):
    """What the disk alone takes for such a file: {"file": [ms of writing and fsync], "folder": [ms of fsync]}"""
    times = {"file": [], "folder": []}
    temporary, final = folder / ".probe", folder / "probe"

    def write():
        with open(temporary, "wb") as file:
            file.write(b"#" * size)
            file.flush()
            os.fsync(file.fileno())

    def rename():
        os.rename(temporary, final)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)

    for _ in range(count):
        times["file"].append(milliseconds(write))
        times["folder"].append(milliseconds(rename))
    final.unlink()
    return times


def changes(bench, home, server):
    """{kind of change: {"ms": [of each], "cpu_ms": of the process for one}}, and the disk's own times"""
    results = {}
    for name, change in (("Key.Update", update_weight), ("Manager.Strategy", set_strategy)):
        before = server.cpu_seconds()
        times = [
            milliseconds(lambda number=number, change=change: change(home, number))
            for number in range(bench.effort.changes)
        ]
        cpu_ms = (server.cpu_seconds() - before) * 1000 / bench.effort.changes
        results[name] = {"ms": times, "cpu_ms": cpu_ms}
    size = server.config.stat().st_size
    return results | {"disk": disk_times(server.config.parent, size, min(50, bench.effort.changes))}


# --- requests beside it ---


@contextlib.contextmanager
def traffic(home, counts, *options):
    """Keeps a bus busy while inside; adds to `counts` how often it was gone round."""
    program = [pathlib.Path(__file__).with_name("bus-traffic"), home.address, *options]
    process = contestants.start(program, contestants.OTHER_CPU, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        output = process.communicate()[0]
        if process.returncode != 0:
            raise SystemExit("bus-traffic failed: see above")
        counts.append(json.loads(output)["rounds"])


def requests(bench, server, decoy_home, home):
    """{"quiet", "elsewhere", "here", "live": [run of each round]}: without traffic, with traffic of another daemon
    on another bus, which takes as much of the machine, with traffic of this one, and with a view of each request"""
    results = {"quiet": [], "elsewhere": [], "here": [], "live": []}
    busy = {"elsewhere": (decoy_home,), "here": (home,), "live": (home, "live")}
    counts = {kind: [] for kind in busy}
    kinds = list(results)
    for number in range(bench.effort.rounds):
        first = number % len(kinds)
        for kind in kinds[first:] + kinds[:first]:
            with contextlib.nullcontext() if kind == "quiet" else traffic(busy[kind][0], counts[kind], *busy[kind][1:]):
                results[kind].append(
                    bench.load.run(
                        server.port, server.pid, connections=4, requests=bench.effort.requests, warm_up=200
                    )
                )
    return results | {"traffic_rounds": counts}


# --- all of it ---


def in_session(bench, upstream, keys_in_keyring):
    """What needs one session: {"start", "status", "memory", "changes_disk", "changes_memory"}"""
    home = session.Session(session.KEYS if keys_in_keyring else 0)
    secret = "keyring" if keys_in_keyring else "env:BENCH_KEY"
    say(f"start, {secret}")
    result = {"start": starts(bench, upstream, home, secret)}
    server, _ = start(bench, upstream, home, secret)
    home.check_keys()
    # The start's memory is given back after a second.
    time.sleep(2)
    result["memory"] = accounting.memory(server.pid)
    say(f"status and changes, {secret}")
    result["status"] = status(bench, home)
    result["changes_disk"] = changes(bench, home, server)
    server.stop()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="aip-bench-", dir=MEMORY_FOLDER))
    server = session.OnBus(bench.home, upstream, home, secret, folder).wait()
    home.await_name()
    home.check_keys()
    result["changes_memory"] = changes(bench, home, server)
    server.stop()
    shutil.rmtree(folder)
    return home, result


def everything(bench):
    """All of it, in one dict."""
    upstream = contestants.Upstream(bench.build, 20, 50)
    decoy_home, plain = in_session(bench, upstream, False)
    home, keyring = in_session(bench, upstream, True)
    say("requests beside bus traffic")
    decoy = session.OnBus(bench.home, upstream, decoy_home, "env:BENCH_KEY").wait()
    server = session.OnBus(bench.home, upstream, home, "keyring").wait()
    for one in (home, decoy_home):
        one.await_name()
        one.check_keys()
    beside = requests(bench, server, decoy_home, home)
    for one in (server, decoy, upstream, home, decoy_home):
        one.stop()
    return {"environment": plain, "keyring": keyring, "requests": beside}
