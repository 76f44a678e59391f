# SPDX-License-Identifier: MIT
"""The programs that are measured, each in a folder of its own, and the ones that measure."""

import atexit
import hashlib
import json
import os
import pathlib
import resource
import socket
import subprocess
import time

TOKEN = "bench-token-0123456789abcdef"
KEY = "sk-bench-0123456789abcdef0123456789abcdef"
HEADERS = [
    f"Authorization: Bearer {TOKEN}",
    "Accept: application/json",
    "Accept-Encoding: gzip, deflate",
    "User-Agent: OpenAI/Python 1.54.0",
    "X-Stainless-Lang: python",
    "X-Stainless-Package-Version: 1.54.0",
    "X-Stainless-OS: Linux",
    "X-Stainless-Arch: x64",
    "X-Stainless-Runtime: CPython",
    "X-Stainless-Runtime-Version: 3.11.2",
    "X-Stainless-Async: false",
    "X-Stainless-Retry-Count: 0",
]


def free_port():
    """A port of the loopback that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def allow_descriptors():
    """Thousands of connections need as many descriptors, here and in the programs started."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def processors():
    """(of what is measured, of what measures), so that neither takes the other's time."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[-1], usable[0]


MEASURED_CPU, OTHER_CPU = processors()


def start(command, cpu, **options):
    """A process bound to one CPU, and before others there where that is allowed."""

    def place():
        os.sched_setaffinity(0, {cpu})
        try:
            os.nice(-5)
        except PermissionError:
            pass

    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, preexec_fn=place, **options
    )
    # A run that fails leaves nobody behind.
    atexit.register(process.kill)
    return process


def stop(process, timeout=60):
    """Lets it end in order."""
    process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def request_body(stream):
    """A chat of about 1.5 KiB, as an app would send it."""
    system = (
        "You are a careful assistant in a company's help desk. Answer in the language of the question, in at "
        "most three sentences, and name the page of the manual that you took the answer from. When you are not "
        "sure, say so and ask one question back. Never guess prices, dates or names of people. "
    )
    chat = [
        {"role": "system", "content": system * 3},
        {"role": "user", "content": "What does the daemon do when a client reads slowly?"},
        {
            "role": "assistant",
            "content": "It stops reading from the upstream until the client has caught up.",
        },
        {
            "role": "user",
            "content": 'And how much does it keep in memory in the meantime? "A few KiB" or more?',
        },
    ]
    body = {"model": "fast", "messages": chat, "temperature": 0.2, "max_tokens": 256, "user": "desk-17"}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body)


class Load:
    """Runs bench-load against a port."""

    def __init__(self, build, home):
        self.program = build / "tests/bench/bench-load"
        self.bodies = {}
        for stream in (False, True):
            self.bodies[stream] = home / f"body-{'stream' if stream else 'plain'}.json"
            self.bodies[stream].write_text(request_body(stream), encoding="utf-8")

    def command(self, port, pid, stream=False, **counts):
        """Its command line; `counts` are its options with a number."""
        command = [self.program, "--port", port, "--pid", pid, "--body", self.bodies[stream]]
        for header in HEADERS:
            command += ["--header", header]
        for name, value in counts.items():
            command += ["--" + name.replace("_", "-"), value]
        return command

    def start(self, port, pid, **what):
        """Leaves it running."""
        return start(self.command(port, pid, **what), OTHER_CPU, stdout=subprocess.PIPE, text=True)

    def finish(self, process):
        """What it measured."""
        output = process.communicate()[0]
        if process.returncode != 0:
            raise SystemExit(f"bench-load failed with {process.returncode}: {' '.join(process.args)}")
        return json.loads(output)

    def run(self, port, pid, **what):
        """One run from start to end."""
        return self.finish(self.start(port, pid, **what))


class Upstream:
    """The mock upstream; measured itself, it is the contestant `direct`."""

    name = "direct"

    def __init__(self, build, interval_ms=20, events=100):
        self.events = events
        self.process = start(
            [build / "tests/bench/bench-upstream", int(interval_ms * 1000), events],
            OTHER_CPU,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        self.port = int(self.process.stdout.readline())

    def stop(self):
        """Ends it."""
        stop(self.process)


class Server:
    """What nginx and aiproxyd have in common: a folder, a port, a process, an upstream."""

    # Seconds after the last request at which it is at rest.
    rest = 1

    def __init__(self, home, upstream, wrapper=()):
        self.home = home / f"{self.name}-{upstream.port}-{time.monotonic_ns()}"
        self.home.mkdir()
        self.upstream = upstream
        self.port = free_port()
        self.log = self.home / "stderr"
        command = [*wrapper, *self.prepare()]
        with open(self.log, "wb") as log:
            self.started = time.monotonic()
            self.process = start(
                command,
                MEASURED_CPU,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.home,
                env=self.environment(),
            )
        self.pid = self.process.pid

    def environment(self):
        """Nothing of the caller's but the path."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}

    def prepare(self):
        """Writes its files; returns its command line."""
        raise NotImplementedError

    def wait(self, timeout=120):
        """Waits until it takes connections; returns self."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended at once:\n{self.log.read_text(errors='replace')}")
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.0005)
        raise SystemExit(f"{self.name} does not listen:\n{self.log.read_text(errors='replace')}")

    def stop(self):
        """Ends it."""
        stop(self.process)


NGINX_CONF = """\
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_timeout 300; keepalive_requests 1000000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream mock {{
    server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 300;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering {buffering};
    }}
  }}
}}
"""


class Nginx(Server):
    """Debian's nginx as a bare reverse proxy: no token, no mapping, no log. The practical limit."""

    name = "nginx"
    buffering = "on"

    def prepare(self):
        text = NGINX_CONF.format(port=self.port, upstream=self.upstream.port, buffering=self.buffering)
        (self.home / "nginx.conf").write_text(text, encoding="utf-8")
        return ["nginx", "-p", self.home, "-c", self.home / "nginx.conf", "-e", "stderr"]


class NginxStreams(Nginx):
    """The same without buffering: an event leaves when it comes."""

    buffering = "off"


AIPROXYD_CONF = """\
[server]
listen=127.0.0.1:{port}
workers=1
require-token=true
max-connections=8192

[client bench]
token-sha256={digest}

[provider mock]
dialect=openai
base-url=http://127.0.0.1:{upstream}/v1
models=gpt-4o-mini

[key k]
provider=mock
secret=env:BENCH_KEY

[mapping fast]
target=gpt-4o-mini
"""


class Aiproxyd(Server):
    """The daemon with token, mapping and counters, on one worker."""

    name = "aiproxyd"
    binary = None
    rest = 32

    def environment(self):
        folders = {f"XDG_{name}_HOME": str(self.home / name.lower()) for name in ("CONFIG", "STATE", "CACHE")}
        return super().environment() | folders | {"BENCH_KEY": KEY}

    def prepare(self):
        text = AIPROXYD_CONF.format(
            port=self.port, upstream=self.upstream.port, digest=hashlib.sha256(TOKEN.encode()).hexdigest()
        )
        conf = self.home / "aiproxy.conf"
        conf.write_text(text, encoding="utf-8")
        return [self.binary, "--config", conf, "--bus", "none", "--key-store", "environment"]


def find_daemon(build):
    """Sets where aiproxyd is; in one place for all who start it."""
    Aiproxyd.binary = pathlib.Path(build) / "daemon/aiproxyd"
