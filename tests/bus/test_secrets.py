# SPDX-License-Identifier: MIT
"""Secrets come in through descriptors, whatever these give."""

import concurrent.futures
import os
import tempfile

import pytest
from gi.repository import Gio, GLib
from lib.bus import ROOT, BusError, Listener, path_of, pipe_with, settings
from lib.daemon import KEY_1, config as usual_config

SECRET = "sk-bus-0a1b2c3d4e5f6071"
KEY = path_of("key", "k1")
OTHER = path_of("key", "k2")


def give(peer, descriptors, handle=0):
    """Hands a descriptor to a key; the name of the error."""
    with pytest.raises(BusError) as caught:
        peer.call(KEY, "Key.SetSecret", "h", handle, descriptors=descriptors)
    assert SECRET not in caught.value.message
    return caught.value.name


@pytest.fixture(autouse=True)
def unchanged(request, session, daemon, peer):
    """Fails if what was refused has changed anything."""
    before = daemon.config_path.read_text(), peer.objects()
    yield
    if "refused" in request.node.name or "given_up" in request.node.name:
        assert (daemon.config_path.read_text(), peer.objects(), session.items()) == (*before, {})


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_one_line_break_at_the_end_is_taken_off(session, peer, ending):
    peer.add_key("k2", SECRET + ending, provider="fake")
    peer.set_secret(KEY, SECRET + ending)
    assert session.items() == {"k1": SECRET, "k2": SECRET}
    assert peer.get(KEY, "Key.Source") == "keyring"


def test_secret_of_the_greatest_length_is_taken(session, daemon, upstream, peer):
    peer.set_secret(KEY, "x" * 8192)
    assert session.items() == {"k1": "x" * 8192}
    assert daemon.chat().status == 200
    assert upstream.request.header("Authorization") == "Bearer " + "x" * 8192


def test_secret_from_a_file_and_in_pieces_is_taken(session, peer):
    with tempfile.TemporaryFile() as file:
        file.write(SECRET.encode())
        file.seek(0)
        peer.call(KEY, "Key.SetSecret", "h", 0, descriptors=[os.dup(file.fileno())])
    assert session.items() == {"k1": SECRET}
    reader, writer = pipe_with(b"sk-", close=False)
    done = []
    body = GLib.Variant("(ha{sv})", (0, {}))
    context = GLib.MainContext.new()
    context.push_thread_default()
    peer.connection.call_with_unix_fd_list(
        peer.name, KEY, "org.example.AIProxy1.Key", "SetSecret", body, None, 0, -1,
        Gio.UnixFDList.new_from_array([reader]), None,
        lambda source, result: done.append(source.call_finish(result)))  # fmt: skip
    for piece in (b"in-", b"pieces"):
        os.write(writer, piece)
        assert peer.get(ROOT, "Manager.State") == "running"
    os.close(writer)
    while not done:
        context.iteration(True)
    context.pop_thread_default()
    assert session.items() == {"k1": "sk-in-pieces"}


@pytest.mark.parametrize("data, error", [
    (b"", "InvalidArgument"), (b"\n", "InvalidArgument"), (b"\r\n", "InvalidArgument"),
    (b"one\ntwo", "InvalidArgument"), (b"one\n\n", "InvalidArgument"), (b"a\0b", "InvalidArgument"),
    (b"a\tb", "InvalidArgument"), (b"a\x7fb", "InvalidArgument"), (b"x" * 8193, "TooLarge"), (b"x" * 60000, "TooLarge"),
], ids=repr)  # fmt: skip
def test_secret_that_cannot_be_a_key_is_refused(peer, data, error):
    assert give(peer, [pipe_with(data)]) == error
    with pytest.raises(BusError) as caught:
        peer.add_key("k2", data, provider="fake")
    assert caught.value.name == error


def test_endless_descriptor_is_refused(peer):
    zero = os.open("/dev/zero", os.O_RDONLY)
    assert give(peer, [zero]) == "TooLarge"


@pytest.mark.slow
def test_descriptor_that_does_not_end_is_given_up(peer):
    reader, writer = pipe_with(SECRET.encode(), close=False)
    assert give(peer, [reader]) == "TimedOut"
    os.close(writer)


@pytest.mark.slow
def test_pipe_that_is_never_written_to_is_given_up_and_holds_nobody_up(peer, connect):
    reader, writer = os.pipe()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        given = pool.submit(give, connect(), [reader])
        answered = 0
        while not given.done():
            assert peer.get(ROOT, "Manager.State") == "running"
            peer.update(KEY, weight=1 + answered % 2)
            answered += 1
        assert given.result() == "TimedOut" and answered > 10
    peer.update(KEY, weight="")
    os.close(writer)


def test_descriptor_that_cannot_be_read_is_refused(peer):
    assert give(peer, [os.open("/", os.O_RDONLY)]) == "InvalidArgument"
    assert give(peer, [os.open("/dev/null", os.O_WRONLY)]) == "InvalidArgument"


@pytest.mark.parametrize("handle", [1, 2, 250, 2**31 - 1, -1, -3, -(2**31)])
def test_handle_without_a_descriptor_is_refused(peer, handle):
    assert give(peer, [pipe_with(SECRET.encode())], handle) == "InvalidArgument"
    assert give(peer, [], handle) == "InvalidArgument"
    with pytest.raises(BusError) as caught:
        peer.call(ROOT, "Manager.AddKey", "sa{sv}", "k2", settings({"provider": "fake"}),
                  options={"secret": GLib.Variant("h", handle)}, descriptors=[pipe_with(SECRET.encode())])  # fmt: skip
    assert caught.value.name == "InvalidArgument"


def test_missing_descriptor_is_refused(peer):
    assert give(peer, []) == "InvalidArgument"


def test_secret_as_a_string_is_refused(peer):
    for options in ({"secret": SECRET}, {"secret": list(SECRET)}):
        with pytest.raises(BusError) as caught:
            peer.call(ROOT, "Manager.AddKey", "sa{sv}", "k2", settings({"provider": "fake"}), options=options)
        assert caught.value.name == "InvalidArgument" and SECRET not in caught.value.message


def test_key_in_clear_as_a_setting_is_refused(peer):
    with pytest.raises(BusError) as caught:
        peer.call(ROOT, "Manager.AddKey", "sa{sv}", "k2", settings({"provider": "fake", "secret": SECRET}))
    assert caught.value.name == "InvalidConfig" and SECRET not in caught.value.message
    with pytest.raises(BusError) as caught:
        peer.update(KEY, secret=SECRET)
    assert caught.value.name == "InvalidConfig" and SECRET not in caught.value.message


def test_descriptor_beside_another_source_is_refused(peer):
    with pytest.raises(BusError) as caught:
        peer.call(ROOT, "Manager.AddKey", "sa{sv}", "k2", settings({"provider": "fake", "secret": "env:FAKE_KEY_2"}),
                  options={"secret": GLib.Variant("h", 0)}, descriptors=[pipe_with(SECRET.encode())])  # fmt: skip
    assert caught.value.name == "InvalidArgument"


def test_what_an_example_shows_is_refused(peer):
    assert give(peer, [pipe_with(b"your-api-key-1")]) == "InvalidArgument"


def test_secret_of_the_environment_is_taken_into_the_keyring(session, daemon, upstream, peer, connect):
    listener = connect(Listener)
    peer.call(KEY, "Key.ImportSecret")
    assert session.items() == {"k1": KEY_1}
    assert listener.changes() == [(KEY, ["Source"])]
    assert "secret=keyring" in daemon.config_path.read_text()
    assert daemon.chat().status == 200
    assert upstream.request.header("Authorization") == f"Bearer {KEY_1}"
    with pytest.raises(BusError) as caught:
        peer.call(KEY, "Key.ImportSecret")
    assert caught.value.name == "Exists"


def test_import_of_nothing_fails(start, upstream, peer, daemon):
    daemon.stop()
    start(usual_config(upstream, key="secret=env:NO_SUCH_VARIABLE"))
    with pytest.raises(BusError) as caught:
        peer.call(KEY, "Key.ImportSecret")
    assert caught.value.name == "NotFound" and "NO_SUCH_VARIABLE" in caught.value.message


def test_key_in_clear_in_the_file_is_taken_into_the_keyring(session, daemon, upstream, peer):
    clear = f"[key k2]\nprovider=fake\npriority=-1\nsecret={SECRET}\n"
    daemon.config_path.write_text(daemon.config_path.read_text() + clear)
    daemon.secrets.append(SECRET)
    with pytest.raises(BusError) as caught:
        peer.manager("Reload")
    assert caught.value.name == "InvalidConfig"
    path = peer.call(ROOT, "Manager.AddKey", "sa{sv}", "k2", {}, options={"import": True})
    assert path == OTHER and session.items() == {"k2": SECRET}
    assert SECRET not in daemon.config_path.read_text()
    assert daemon.chat().status == 200
    assert upstream.request.header("Authorization") == f"Bearer {SECRET}"


def put_in_clear(daemon):
    """Writes a key into the config file as nobody should; what the file holds then."""
    text = daemon.config_path.read_text() + f"[key k2]\nprovider=fake\nrpm=5\nsecret={SECRET}\n"
    daemon.config_path.write_text(text)
    daemon.secrets.append(SECRET)
    return text


def import_key(peer, members, descriptors=(), **options):
    """Calls AddKey with "import"."""
    return peer.call(ROOT, "Manager.AddKey", "sa{sv}", "k2", settings(members),
                     options={"import": True} | options, descriptors=descriptors)  # fmt: skip


def test_settings_of_a_key_in_clear_are_set_when_it_is_taken_in(session, daemon, peer):
    put_in_clear(daemon)
    path = import_key(peer, {"weight": 7, "secret": "keyring"})
    assert session.items() == {"k2": SECRET}
    assert [peer.get(path, f"Key.{name}") for name in ("Weight", "Rpm", "Source")] == [7, 5, "keyring"]


@pytest.mark.parametrize("members, error", [
    ({"weight": 7, "no-such": 1}, "InvalidArgument"), ({"weight": "many"}, "InvalidConfig"),
    ({"provider": "nobody"}, "InvalidConfig"), ({"secret": "env:FAKE_KEY_1"}, "InvalidArgument"),
    ({"secret": 5}, "InvalidArgument"),
], ids=repr)  # fmt: skip
def test_key_in_clear_with_settings_that_do_not_fit_stays_where_it_is(session, daemon, peer, members, error):
    text = put_in_clear(daemon)
    with pytest.raises(BusError) as caught:
        import_key(peer, members)
    assert caught.value.name == error and SECRET not in caught.value.message
    assert session.items() == {} and daemon.config_path.read_text() == text and OTHER not in peer.objects()


def test_key_is_not_both_handed_over_and_taken_from_the_file(session, daemon, peer):
    text = put_in_clear(daemon)
    with pytest.raises(BusError) as caught:
        import_key(peer, {}, [pipe_with(SECRET.encode())], secret=GLib.Variant("h", 0))
    assert caught.value.name == "InvalidArgument" and "import" in caught.value.message
    assert session.items() == {} and daemon.config_path.read_text() == text


def test_removed_key_is_taken_out_of_the_keyring_unless_it_shall_stay(session, peer):
    for name, options, left in (("k2", {}, {}), ("k3", {"keep-secret": True}, {"k3": SECRET})):
        path = peer.add_key(name, SECRET, provider="fake")
        peer.remove(path, **options)
        assert path not in peer.objects()
        assert session.items() == left
    # It has it again when it is added anew.
    assert peer.get(peer.add_key("k3", provider="fake"), "Key.SecretState") == "present"


def test_key_without_a_secret_tells_so(peer):
    path = peer.add_key("k2", provider="fake")
    assert peer.get(path, "Key.SecretState") == "missing" and peer.get(path, "Key.Fingerprint") == ""
    assert peer.get(path, "Key.Source") == "keyring"


def test_two_at_once_under_one_name_leave_the_first_ones_secret(session, peer):
    """The second one's secret has come in when it is refused."""
    peer.add_key("k2", "sk-first-4711", provider="fake")
    with pytest.raises(BusError) as caught:
        peer.add_key("k2", "sk-second-4712", provider="fake")
    assert caught.value.name == "Exists"
    assert session.items() == {"k2": "sk-first-4711"}
