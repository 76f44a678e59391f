# SPDX-License-Identifier: MIT
"""Proves that data/dev/check-layers passes what is right and can fail on each rule."""

import pathlib
import subprocess

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "data/dev/check-layers"
SPDX = "/* SPDX-License-Identifier: MIT */\n"


def check(root, files):
    """Writes the files below the root and runs the tool: (exit code, output)."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = subprocess.run([TOOL, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


GOOD = {
    "daemon/base/aip-error.h": SPDX + "#pragma once\n#include <gio/gio.h>\n",
    "daemon/wire/aip-sse.c": SPDX + '#include "wire/aip-sse.h"\n#include "base/aip-error.h"\n'
                                    "#include <json-glib/json-glib.h>\n",
    "daemon/wire/aip-sse.h": SPDX + "#pragma once\n#include <glib.h>\n",
    "daemon/routing/aip-plan.c": SPDX + '#include "config/aip-config.h"\n'
                                        "/* time () and goto may be named here */\n"
                                        'static const char *text = "goto socket ()";\n'
                                        "void f (void) { self->connect (1); uptime (); }\n",
    "daemon/upstream/aip-transfer.c": SPDX + '#include "wire/aip-sse.h"\n#include <curl/curl.h>\n',
    "daemon/server/aip-worker.c": SPDX + '#include "upstream/aip-transfer.h"\n#include "aip-build.h"\n'
                                         "#include <libsoup/soup.h>\n#include <sys/socket.h>\n",
    "daemon/bus/aip-bus.c": SPDX + '#include "aip-dbus-generated.h"\n#include "record/aip-counters.h"\n',
    "daemon/main.c": SPDX + '#include "aip-daemon.h"\n#include "server/aip-worker.h"\n',
    "daemon/keys/aip-keyring-session.c": SPDX + "#include <libsecret/secret.h>\n",
    "daemon/ctl/aip-ctl-print.c": SPDX + '#include "client/aip-client.h"\n#include "base/aip-error.h"\n'
                                         "#include <json-glib/json-glib.h>\n",
    "gui/aip-window.c": SPDX + '#include "aip-window.h"\n#include "client/aip-client.h"\n#include <adwaita.h>\n',
    "tests/unit/wire/test-sse.c": SPDX + "#include <time.h>\nint main (void) { return (int) time (NULL); }\n",
}

# (file, its text after the SPDX line, the line the problem is reported at, a part of the message)
BAD = [
    ("daemon/base/aip-x.c", '#include "config/aip-config.h"\n', 2, "base/ may not include config/aip-config.h"),
    ("daemon/config/aip-x.c", '\n#include "wire/aip-sse.h"\n', 3, "config/ may not include wire/"),
    ("daemon/wire/aip-x.c", '#include "keys/aip-key-store.h"\n', 2, "wire/ may not include keys/"),
    ("daemon/upstream/aip-x.c", '#include "policy/aip-clients.h"\n', 2, "upstream/ may not include policy/"),
    ("daemon/routing/aip-x.h", '#pragma once\n#  include "server/aip-x.h"\n', 3, "routing/ may not include server/"),
    ("daemon/server/aip-x.c", '#include "bus/aip-bus.h"\n', 2, "server/ may not include bus/"),
    ("daemon/client/aip-x.c", '#include "base/aip-log.h"\n', 2, "client/ may not include base/aip-log.h"),
    ("daemon/ctl/aip-x.c", '#include "config/aip-config.h"\n', 2, "ctl/ may not include config/"),
    ("gui/aip-x.c", '#include "record/aip-counters.h"\n', 2, "gui/ may not include record/"),
    ("daemon/base/aip-x.c", '#include "aip-y.h"\n', 2, 'not of the form "ROOM/aip-noun.h"'),
    ("daemon/shed/aip-x.c", "\n", 1, "daemon/shed/ is not a room"),
    ("daemon/upstream/aip-x.c", "#include <libsoup/soup.h>\n", 2, "<libsoup/soup.h> may be included only in"),
    ("daemon/server/aip-x.c", "#include <curl/curl.h>\n", 2, "<curl/curl.h> may be included only in"),
    ("daemon/keys/aip-key-store.c", "#include <libsecret/secret.h>\n", 2, "<libsecret/secret.h> may be"),
    ("daemon/policy/aip-x.c", "#include <sqlite3.h>\n", 2, "<sqlite3.h> may be included only in"),
    ("daemon/server/aip-x.c", "#include <json-glib/json-glib.h>\n", 2, "<json-glib/json-glib.h> may be"),
    ("daemon/bus/aip-x.c", "#include <gtk/gtk.h>\n", 2, "<gtk/gtk.h> may be included only in"),
    ("daemon/ctl/aip-x.c", "#include <adwaita.h>\n", 2, "<adwaita.h> may be included only in"),
    ("gui/aip-x.c", '#include "aip-dbus-generated.h"\n', 2, "generated D-Bus code"),
    ("daemon/wire/aip-x.c", "#include <sys/socket.h>\n", 2, "wire/ is pure"),
    ("daemon/routing/aip-x.c", '#include "base/aip-clock.h"\n', 2, "routing/ is pure"),
    ("daemon/routing/aip-x.c", "gint64 f (void) { return g_get_monotonic_time (); }\n", 2, "g_get_monotonic_time"),
    ("daemon/wire/aip-x.c", "\n\nvoid f (void) { g_timeout_add (1, NULL, NULL); }\n", 4, "g_timeout_add"),
    ("daemon/wire/aip-x.c", "void f (void) { g_main_loop_run (NULL); }\n", 2, "g_main_loop_run"),
    ("daemon/server/aip-x.c", "void f (void)\n{\n  goto out;\n}\n", 4, "goto"),
    ("tests/unit/base/test-x.c", "void f (void) { goto out; }\n", 2, "goto"),
    ("daemon/server/aip-x.h", "#include <glib.h>\n", 1, "no #pragma once"),
    ("daemon/server/aip-x.c", "\n" * 700, 701, "701 lines; at most 700"),
]


def test_a_good_tree_passes(tmp_path):
    code, output = check(tmp_path, GOOD)
    assert code == 0, output
    assert f"{len(GOOD)} files, 0 problems" in output


@pytest.mark.parametrize("name, text, line, problem", BAD)
def test_a_violation_fails(tmp_path, name, text, line, problem):
    code, output = check(tmp_path, GOOD | {name: SPDX + text})
    assert code == 1
    reported = [entry for entry in output.splitlines() if entry.startswith(f"{name}:{line}: ")]
    assert any(problem in entry for entry in reported), output
    assert ", 1 problems" in output


@pytest.mark.parametrize("text", ["#include <glib.h>\n", "\n" + SPDX, "// SPDX-License-Identifier: MIT\n"])
def test_a_missing_licence_line_fails(tmp_path, text):
    code, output = check(tmp_path, {"daemon/base/aip-x.c": text})
    assert code == 1
    assert "daemon/base/aip-x.c:1: the first line is not" in output


def test_an_empty_tree_fails(tmp_path):
    code, output = check(tmp_path, {})
    assert code == 1
    assert "no C file found" in output
