# SPDX-License-Identifier: MIT
"""Fixtures of the tests of what `meson install` puts on a machine.

They share one build of their own with --prefix=/usr, in $AIPROXY_INSTALL_BUILD or build-install below the
checkout, and one staging folder.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lib.daemon import ROOT, Daemon  # noqa: E402
from system_bus import SystemBus  # noqa: E402
from user_session import Session  # noqa: E402


def run(*command, **options):
    """The finished process, its output as text; fails if the command does."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def built_for_installing(build):
    """The files of the targets that are installed, relative to the build folder."""
    targets = json.loads(run("meson", "introspect", "--targets", build).stdout)
    return [os.path.relpath(name, build) for one in targets if one["installed"] for name in one["filename"]]


@pytest.fixture(scope="session")
def staging(tmp_path_factory):
    """The staging folder, as DESTDIR of an installation with --prefix=/usr."""
    build = os.environ.get("AIPROXY_INSTALL_BUILD", str(ROOT / "build-install"))
    if not os.path.exists(f"{build}/build.ninja"):
        run("meson", "setup", build, str(ROOT), "--prefix=/usr")
    run("ninja", "-C", build, *built_for_installing(build))
    folder = tmp_path_factory.mktemp("staging")
    # Whatever mask the user has, others must be able to read what is installed.
    run("meson", "install", "-C", build, "--no-rebuild", "--destdir", str(folder), umask=0o077)
    return folder


@pytest.fixture
def installed_daemon(staging, monkeypatch):
    """The installed daemon in demo mode."""
    monkeypatch.setenv("AIPROXYD", str(staging / "usr/bin/aiproxyd"))
    daemon = Daemon(demo=True)
    yield daemon
    daemon.stop()


@pytest.fixture
def users(staging, tmp_path):
    """A folder in whose etc/ this machine's users are, and the one that systemd-sysusers adds for us."""
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group"):
        shutil.copy(f"/etc/{name}", tmp_path / "etc")
    folder = tmp_path / "usr/lib/sysusers.d"
    folder.mkdir(parents=True)
    shutil.copy(staging / "usr/lib/sysusers.d/aiproxy.conf", folder)
    run("systemd-sysusers", f"--root={tmp_path}", "aiproxy.conf")
    return tmp_path


@pytest.fixture
def system_bus(staging, users):
    """A private bus with the system bus's rules and our policy."""
    if os.geteuid() != 0:
        pytest.skip("takes root, to be several users")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="aiproxy-bus-"))
    folder.chmod(0o755)
    bus = SystemBus(folder, staging, users)
    yield bus
    bus.close()
    shutil.rmtree(folder)


@pytest.fixture
def session(staging):
    """A user's session with our files installed, and nothing of ours running."""
    if os.geteuid() != 0:
        pytest.skip("takes root, to make a machine for a user manager")
    session = Session(staging)
    yield session
    session.close()
