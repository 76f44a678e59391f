# SPDX-License-Identifier: MIT
"""The man pages: in good form, and of what there is. The settings of aiproxy.conf(5) come from the schema."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from lib.ctl import binary
from lib.daemon import ROOT, binary as daemon_binary

# The page that the build makes lies beside the program that was built.
BUILD = pathlib.Path(binary()).parents[2]
PAGES = {
    "aiproxyctl.1": ROOT / "data/man/aiproxyctl.1",
    "aiproxyd.8": ROOT / "data/man/aiproxyd.8",
    "aiproxy.conf.5": BUILD / "data/man/aiproxy.conf.5",
}


def plain(name):
    """A page as text."""
    done = subprocess.run(
        ["man", "-E", "ascii", "-l", PAGES[name]],
        env=os.environ | {"MANWIDTH": "500", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("tool", [["mandoc", "-Tlint", "-Wwarning"], ["man", "--warnings", "-E", "UTF-8", "-l"]])
def test_a_page_is_in_good_form(name, tool):
    if shutil.which(tool[0]) is None:
        pytest.skip(f"{tool[0]} is not installed")
    done = subprocess.run([*tool, PAGES[name]], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done
    if tool[0] == "mandoc":
        assert done.stdout == ""


def test_each_command_and_option_has_its_place(lonely):
    page = plain("aiproxyctl.1")
    overview = lonely.ok("--help").split("Options")[0]
    for name in re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?= {2}| [A-Z\[])", overview, re.MULTILINE):
        entry = re.search(rf"^ +{name}( .*)?$", page, re.MULTILINE)
        assert entry, f"{name} is not in aiproxyctl(1)"
        for option in re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", lonely.ok(*name.split(), "--help"), re.MULTILINE):
            assert option in page, f"{option} of {name} is not in aiproxyctl(1)"


def test_aiproxyctl_1_has_no_command_that_there_is_not(lonely):
    page = plain("aiproxyctl.1")
    commands = page.partition("COMMANDS")[2].partition("EXIT STATUS")[0]
    for line in re.findall(r"^ {7}([a-z].*)$", commands, re.MULTILINE):
        words = re.match(r"[a-z]+( [a-z]+)?", line)[0].split()
        assert lonely.ok(*words, "--help").startswith(f"Usage: aiproxyctl {' '.join(words)}")


def test_aiproxyd_8_has_the_options_of_aiproxyd():
    done = subprocess.run([daemon_binary(), "--help"], capture_output=True, text=True, check=True)
    there = set(re.findall(r"(--[a-z-]+)", done.stdout)) - {"--help"}
    page = plain("aiproxyd.8")
    assert there - set(re.findall(r"(--[a-z-]+)", page)) == set()
    assert set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", page.partition("OPTIONS")[2], re.MULTILINE)) <= there


def test_every_setting_of_the_example_is_in_the_page():
    page = plain("aiproxy.conf.5")
    example = (ROOT / "data/aiproxy.conf").read_text()
    keys = set(re.findall(r"^#([a-z0-9-]+)=", example, re.MULTILINE))
    told = set(re.findall(r"^ {7}([a-z0-9-]+)(?: .*)?$", page, re.MULTILINE))
    assert len(keys) > 60 and keys - told == set()
