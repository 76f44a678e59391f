# SPDX-License-Identifier: MIT
"""Which files are installed, and that they hold together."""

import configparser
import json
import re
import stat
import xml.etree.ElementTree as tree

import pytest
from conftest import run
from lib.daemon import ROOT

FILES = {
    "usr/bin/aiproxyctl": 0o755,
    "usr/bin/aiproxyd": 0o755,
    "usr/lib/systemd/system/aiproxy.service": 0o644,
    "usr/lib/systemd/system/aiproxy.socket": 0o644,
    "usr/lib/systemd/user/aiproxy.service": 0o644,
    "usr/lib/systemd/user/aiproxy.socket": 0o644,
    "usr/lib/sysusers.d/aiproxy.conf": 0o644,
    "usr/share/bash-completion/completions/aiproxyctl": 0o644,
    "usr/share/dbus-1/interfaces/org.example.AIProxy1.xml": 0o644,
    "usr/share/dbus-1/services/org.example.AIProxy.service": 0o644,
    "usr/share/dbus-1/system-services/org.example.AIProxy.service": 0o644,
    "usr/share/dbus-1/system.d/org.example.AIProxy.conf": 0o644,
    "usr/share/doc/aiproxy/LICENSE": 0o644,
    "usr/share/doc/aiproxy/README.md": 0o644,
    "usr/share/doc/aiproxy/README.zh-CN.md": 0o644,
    "usr/share/doc/aiproxy/data/readme.svg": 0o644,
    "usr/share/doc/aiproxy/examples/aiproxy.conf": 0o644,
    "usr/share/fish/vendor_completions.d/aiproxyctl.fish": 0o644,
    "usr/share/man/man1/aiproxyctl.1": 0o644,
    "usr/share/man/man5/aiproxy.conf.5": 0o644,
    "usr/share/man/man8/aiproxyd.8": 0o644,
    "usr/share/zsh/site-functions/_aiproxyctl": 0o644,
}


def texts_below(folder):
    """(path, text) of each text file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and b"\0" not in (data := path.read_bytes()):
            yield path, data.decode()


def key_file(path):
    """A D-Bus service file, as groups of keys."""
    parser = configparser.ConfigParser(interpolation=None, delimiters="=")
    parser.optionxform = str
    parser.read_string(path.read_text())
    return parser


@pytest.mark.parametrize("name", FILES)
def test_file_is_there_with_its_mode(staging, name):
    assert stat.S_IMODE((staging / name).stat().st_mode) == FILES[name]


def test_folders_can_be_entered_by_all(staging):
    for path in staging.rglob("*"):
        if path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o755, path


def test_nothing_is_left_to_fill_in(staging):
    for path, text in texts_below(staging):
        assert not re.search(r"@[A-Za-z][A-Za-z0-9_-]*@", text), path


def test_no_file_names_the_staging_folder_or_the_sources(staging):
    for path, text in texts_below(staging):
        assert str(staging) not in text and str(ROOT) not in text, path


def test_configuration_of_the_machine_is_left_alone(staging):
    assert list((staging / "etc/aiproxy").iterdir()) == []


def test_example_configuration_is_accepted(staging):
    example = staging / "usr/share/doc/aiproxy/examples/aiproxy.conf"
    assert run(staging / "usr/bin/aiproxyd", "--check", "--config", example).stdout == ""


def test_session_bus_starts_the_daemon_with_and_without_systemd(staging):
    service = key_file(staging / "usr/share/dbus-1/services/org.example.AIProxy.service")["D-BUS Service"]
    assert dict(service) == {
        "Name": "org.example.AIProxy",
        "Exec": "/usr/bin/aiproxyd",
        "SystemdService": "aiproxy.service",
    }
    assert (staging / "usr/lib/systemd/user" / service["SystemdService"]).exists()


def test_system_bus_starts_the_unit_alone(staging):
    path = staging / "usr/share/dbus-1/system-services/org.example.AIProxy.service"
    service = key_file(path)["D-BUS Service"]
    assert service["Name"] == "org.example.AIProxy" and service["Exec"] == "/bin/false"
    assert (staging / "usr/lib/systemd/system" / service["SystemdService"]).exists()


def test_interfaces_and_policy_are_well_formed(staging):
    interfaces = tree.parse(staging / "usr/share/dbus-1/interfaces/org.example.AIProxy1.xml").getroot()
    assert "org.example.AIProxy1.Manager" in [one.get("name") for one in interfaces.iter("interface")]
    policy = tree.parse(staging / "usr/share/dbus-1/system.d/org.example.AIProxy.conf").getroot()
    assert {rule.get("user") for rule in policy.iter("policy")} == {None, "root", "aiproxy"}


def test_another_prefix_holds_all_but_the_configuration(tmp_path):
    build = tmp_path / "build"
    run("meson", "setup", build, ROOT, "--prefix=/opt/ai")
    places = json.loads(run("meson", "introspect", "--installed", build).stdout).values()
    assert {f"/opt/ai/{name.removeprefix('usr/')}" for name in FILES} <= set(places)
    assert all(place.startswith(("/opt/ai/", "/etc/aiproxy")) for place in places)
    for unit in (build / "data/systemd").rglob("aiproxy.service"):
        assert "ExecStart=/opt/ai/bin/aiproxyd" in unit.read_text()
