# SPDX-License-Identifier: MIT
"""Clients that come with a JSON Web Token: whose is taken for right, and who they are then."""

import base64
import hashlib
import hmac
import json
import signal
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lib import limits
from lib.checks import expect_error
from lib.daemon import TOKEN, config

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": [{"role": "user", "content": "hi"}]}
SECRET = "a shared secret of more than thirty-two bytes"
RSA = {name: rsa.generate_private_key(65537, 2048) for name in ("one", "two", "three", "stranger")}
EC = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("one", "stranger")}
BASE = "[jwt]\nissuer=https://issuer.example\naudience=aiproxy;other\n"


def encode(data):
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def pem(key):
    """A public key as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def jwk(key, kid, **members):
    """A public key as a member of a key set."""
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        parts = {"kty": "RSA", "n": encode(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
    else:
        x, y = (encode(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        parts = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    return parts | {"kid": kid} | members


def jwks(*keys):
    """The text of a key set."""
    return json.dumps({"keys": keys})


def claims(**changes):
    """Claims that are right, but for the changes; None: without that one."""
    right = {
        "iss": "https://issuer.example",
        "aud": "aiproxy",
        "sub": "user-1",
        "exp": int(time.time()) + 86400,  # longer than any run of all tests
    }
    return {name: value for name, value in (right | changes).items() if value is not None}


def sign(key=SECRET, algorithm="HS256", header=None, **changes):
    """A token."""
    return jwt.encode(claims(**changes), key, algorithm, header)


def forge(header, body, key=b""):
    """A token that is put together by hand, with the HMAC that HS256 has."""
    text = encode(json.dumps(header).encode()) + "." + encode(json.dumps(body).encode())
    return text + "." + encode(hmac.new(key, text.encode(), hashlib.sha256).digest())


def post(daemon, token, model="fake-model", headers=()):
    """A request with this token, which must not get into the log."""
    daemon.secrets.append(token)
    return daemon.request("POST", PATH, headers, json=CHAT | {"model": model}, token=token)


def expect_refused(daemon, token, *mentions):
    """Fails unless the token is turned down without being repeated."""
    response = post(daemon, token)
    expect_error(response, 401, *mentions)
    text = response.body.decode() + repr(response.headers)
    for part in token.split("."):
        assert len(part) < 8 or part not in text, text


@pytest.fixture(name="make")
def make_fixture(start, upstream):
    """Makes a daemon whose [jwt] has these lines."""

    def make(lines="", extra="", secret="secret=env:JWT_SECRET\n", env=None):
        env = {"JWT_SECRET": SECRET} | (env or {})
        return start(config(upstream, BASE + secret + lines + extra), env=env, secrets=[SECRET])

    return make


@pytest.fixture(name="keys")
def keys_fixture(make, tmp_path):
    """Makes a daemon with files of keys: PEM, set."""

    def make_with_keys(key_file=None, key_set=None, **options):
        lines = ""
        if key_file:
            (tmp_path / "key.pem").write_bytes(key_file)
            lines += f"key-file={tmp_path}/key.pem\n"
        if key_set:
            (tmp_path / "jwks.json").write_text(key_set)
            lines += f"jwks-file={tmp_path}/jwks.json\n"
        return make(lines, **({"secret": ""} | options))

    return make_with_keys


# --- keys ---


def test_a_secret_from_the_environment(make, upstream):
    daemon = make()
    token = sign()
    assert post(daemon, token).status == 200
    assert token.encode() not in upstream.request.raw_head
    expect_refused(daemon, sign(SECRET + "x"), "signature")
    expect_refused(daemon, token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB"))
    # A client with a token of its own is let in as before.
    assert daemon.request("POST", PATH, json=CHAT, token=TOKEN).status == 200


def test_a_secret_from_a_credential(make, tmp_path):
    (tmp_path / "jwt-secret").write_text(SECRET + "\n")
    daemon = make(secret="secret=credential:jwt-secret\n", env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert post(daemon, sign()).status == 200
    expect_refused(daemon, sign(SECRET + "\n"))


@pytest.mark.parametrize("way", ["Authorization", "x-api-key", "x-goog-api-key"])
def test_where_a_token_may_stand(make, way):
    daemon = make()
    token = sign()
    daemon.secrets.append(token)
    value = f"Bearer {token}" if way == "Authorization" else token
    path = "/v1beta/models/fake-model:generateContent" if "goog" in way else PATH
    response = daemon.request("POST", path, [(way, value)], json=CHAT, token=None)
    assert response.status not in (401, 403), response


def test_a_pem_file_with_an_rsa_key(keys):
    daemon = keys(pem(RSA["one"]))
    assert post(daemon, sign(RSA["one"], "RS256")).status == 200
    assert post(daemon, sign(RSA["one"], "RS256", {"kid": "any"})).status == 200
    expect_refused(daemon, sign(RSA["stranger"], "RS256"), "signature")
    expect_refused(daemon, sign(EC["one"], "ES256"))
    expect_refused(daemon, sign())


def test_a_pem_file_with_an_ec_key(keys):
    daemon = keys(pem(EC["one"]))
    token = sign(EC["one"], "ES256")
    assert post(daemon, token).status == 200
    expect_refused(daemon, sign(EC["stranger"], "ES256"), "signature")
    head, body, _ = token.split(".")
    expect_refused(daemon, f"{head}.{body}.{encode(bytes(64))}")


def test_a_key_set_tells_keys_apart(keys):
    daemon = keys(None, jwks(jwk(RSA["one"], "r1"), jwk(RSA["two"], "r2", alg="RS256"), jwk(EC["one"], "e1")))
    assert post(daemon, sign(RSA["one"], "RS256", {"kid": "r1"})).status == 200
    assert post(daemon, sign(RSA["two"], "RS256", {"kid": "r2"})).status == 200
    assert post(daemon, sign(EC["one"], "ES256", {"kid": "e1"})).status == 200
    assert post(daemon, sign(RSA["two"], "RS256")).status == 200
    expect_refused(daemon, sign(RSA["one"], "RS256", {"kid": "r2"}), "signature")
    expect_refused(daemon, sign(RSA["one"], "RS256", {"kid": "e1"}))
    expect_refused(daemon, sign(RSA["one"], "RS256", {"kid": "unknown"}), "signature")
    expect_refused(daemon, sign(RSA["stranger"], "RS256", {"kid": "r1"}))


def test_all_kinds_of_keys_at_once(keys):
    key_set = jwks(jwk(RSA["one"], "r1"), jwk(EC["one"], "e1"))
    daemon = keys(None, key_set, secret="secret=env:JWT_SECRET\n")
    assert post(daemon, sign()).status == 200
    assert post(daemon, sign(RSA["one"], "RS256")).status == 200
    assert post(daemon, sign(EC["one"], "ES256", {"kid": "e1"})).status == 200


def test_keys_are_changed_by_a_reload(keys, tmp_path):
    daemon = keys(None, jwks(jwk(RSA["one"], "r1"), jwk(RSA["two"], "r2")))
    first, second, third = (
        sign(RSA[name], "RS256", {"kid": kid}) for name, kid in (("one", "r1"), ("two", "r2"), ("three", "r3"))
    )
    assert [post(daemon, token).status for token in (first, second, third)] == [200, 200, 401]
    (tmp_path / "jwks.json").write_text(jwks(jwk(RSA["two"], "r2"), jwk(RSA["three"], "r3")))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("the configuration was read again")
    # What was found of the first one before is forgotten with its key.
    assert [post(daemon, token).status for token in (first, second, third)] == [401, 200, 200]


def test_a_bad_key_set_changes_nothing(keys, tmp_path):
    daemon = keys(None, jwks(jwk(RSA["one"], "r1")))
    token = sign(RSA["one"], "RS256", {"kid": "r1"})
    (tmp_path / "jwks.json").write_text('{"keys":[')
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("jwks-file.*the last good configuration stays in use")
    assert post(daemon, token).status == 200


def test_algorithms_can_be_fewer(keys):
    daemon = keys(None, jwks(jwk(RSA["one"], "r1"), jwk(EC["one"], "e1")), secret="algorithms=ES256\n")
    assert post(daemon, sign(EC["one"], "ES256")).status == 200
    expect_refused(daemon, sign(RSA["one"], "RS256"), "algorithms")
    expect_refused(daemon, sign(), "algorithms")


# --- claims ---


class In(float):
    """A time so many seconds from when the test runs."""

    def __repr__(self):
        return f"now{float(self):+}"


def from_now(changes):
    """The changes with their times."""
    now = int(time.time())
    moved = {name: now + float(value) for name, value in changes.items() if isinstance(value, In)}
    return changes | {name: int(value) if value == int(value) else value for name, value in moved.items()}


@pytest.mark.parametrize(
    "changes, mention",
    [
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"iss": ["https://issuer.example"]}, ""),
        ({"aud": "somebody"}, "audience"),
        ({"aud": ["some", "body"]}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": 1}, "expired"),
        ({"exp": In(-3600)}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, ""),
        ({"nbf": In(3600)}, "nbf"),
        ({"iat": In(3600)}, "iat"),
        ({"sub": None}, "claim-client"),
        ({"sub": ""}, "claim-client"),
        ({"sub": "a b"}, "claim-client"),
        ({"sub": "x" * 200}, "claim-client"),
        ({"sub": 7}, ""),
    ],
    ids=repr,
)
def test_claims_that_are_wrong(jwt_daemon, changes, mention):
    token = forge({"alg": "HS256", "typ": "JWT"}, claims(**from_now(changes)), SECRET.encode())
    expect_refused(jwt_daemon, token, mention)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["somebody", "other"]},
        {"exp": In(-5)},
        {"exp": In(600.5)},
        {"nbf": In(5)},
        {"nbf": In(-5), "iat": In(-5)},
        {"more": {"nested": [1, 2]}},
    ],
    ids=repr,
)
def test_claims_that_are_right(jwt_daemon, changes):
    assert post(jwt_daemon, sign(**from_now(changes))).status == 200


@pytest.fixture(name="jwt_daemon", scope="module")
def jwt_daemon_fixture(tmp_path_factory, module_upstream):
    """A daemon that many tests share; with an RSA key too, which some attacks are made with."""
    from lib.daemon import Daemon  # pylint: disable=import-outside-toplevel

    path = tmp_path_factory.mktemp("jwt") / "key.pem"
    path.write_bytes(pem(RSA["one"]))
    text = config(module_upstream, BASE + f"secret=env:JWT_SECRET\nleeway=60s\nkey-file={path}\n")
    daemon = Daemon(text, env={"JWT_SECRET": SECRET}, secrets=[SECRET])
    yield daemon
    daemon.stop()


# --- attacks ---


def unsigned(algorithm):
    """A token that says that it needs no signature."""
    return forge({"alg": algorithm}, claims()).rpartition(".")[0] + "."


def with_header(**header):
    """A token of a stranger's key that brings the key along."""
    return sign(RSA["stranger"], "RS256", header)


ATTACKS = {
    "none": unsigned("none"),
    "None": unsigned("None"),
    "nOnE": unsigned("nOnE"),
    "none-signed": forge({"alg": "none"}, claims(), SECRET.encode()),
    "no-alg": forge({"typ": "JWT"}, claims(), SECRET.encode()),
    "alg-list": forge({"alg": ["HS256"]}, claims(), SECRET.encode()),
    "lower-case": forge({"alg": "hs256"}, claims(), SECRET.encode()),
    "confusion": forge({"alg": "HS256"}, claims(), pem(RSA["one"])),
    "confusion-stripped": forge({"alg": "HS256"}, claims(), pem(RSA["one"]).strip()),
    "empty-secret": forge({"alg": "HS256"}, claims(), b""),
    "no-signature": sign().rpartition(".")[0] + ".",
    "two-parts": sign().rpartition(".")[0],
    "four-parts": sign() + ".AAAA",
    "hs512": jwt.encode(claims(), SECRET, "HS512"),
    "own-jwk": with_header(jwk=jwk(RSA["stranger"], "x")),
    "own-jku": with_header(jku="http://127.0.0.1:1/jwks.json"),
    "own-x5u": with_header(x5u="http://127.0.0.1:1/cert.pem"),
    "kid-path": with_header(kid="../../../../dev/null"),
    "crit": forge({"alg": "HS256", "crit": ["exp"], "exp": 1}, claims(), SECRET.encode()),
    "rs256-with-hmac": forge({"alg": "RS256"}, claims(), SECRET.encode()),
    "not-base64": "eyJhbGciOiJIUzI1NiJ9.!!!!.AAAA",
    "body-of-another": ".".join(
        [sign().split(".")[0], encode(json.dumps(claims(sub="admin")).encode()), sign().split(".")[2]]
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(jwt_daemon, upstream, name):
    expect_refused(jwt_daemon, ATTACKS[name])
    assert not upstream.requests


@pytest.mark.parametrize("name", ["confusion", "none", "empty-secret"])
def test_attacks_without_a_secret(keys, name):
    expect_refused(keys(pem(RSA["one"])), ATTACKS[name])


# --- who it is ---


TENANTS = "[tenant red]\ndaily-requests=3\n[tenant blue]\ndaily-requests=3\n"


def test_a_claim_names_the_tenant_whose_limits_hold(make):
    daemon = make("claim-client=name\nclaim-tenant=org\n", TENANTS)
    tokens = {
        name: sign(name=name, org=org)
        for name, org in (("ann", "red"), ("bob", "red"), ("cat", "blue"), ("dan", "green"))
    }
    assert [post(daemon, tokens[name]).status for name in ("ann", "bob", "ann")] == [200] * 3
    for name in ("ann", "bob"):
        response = post(daemon, tokens[name])
        limits.expect_limit(response, "`daily-requests` in [tenant red]", within=limits.DAY)
        limits.expect_rate(response, "requests", 3, 0, limits.DAY)
    assert post(daemon, tokens["cat"]).status == 200
    expect_error(post(daemon, tokens["dan"]), 403, "[tenant NAME]")
    expect_refused(daemon, sign(name="ann"), "claim-tenant")
    expect_refused(daemon, sign(org="red"), "claim-client")


def test_who_is_in_no_config_has_the_rights_of_its_tenant(make):
    daemon = make("claim-client=name\nclaim-tenant=org\n", TENANTS.replace("[tenant blue]", "models=none-*\n[tenant blue]"))
    expect_error(post(daemon, sign(name="ann", org="red")), 403, "`models` in [tenant red]")
    assert post(daemon, sign(name="cat", org="blue")).status == 200


def test_a_client_of_the_config_is_of_one_tenant(make):
    daemon = make("claim-tenant=org\n", TENANTS + "[client ann]\ntenant=red\n[client bob]\nrpm=2\n")
    assert post(daemon, sign(sub="ann", org="red")).status == 200
    expect_error(post(daemon, sign(sub="ann", org="blue")), 403, "[client ann]")
    token = sign(sub="bob", org="blue")
    assert [post(daemon, token).status for _ in range(3)] == [200, 200, 429]


def test_who_is_not_in_the_config_is_held_to_the_default(make):
    daemon = make("", "[rate-limit]\nenabled=true\nrequests=2\n")
    first, second = sign(sub="user-1"), sign(sub="user-2")
    assert [post(daemon, first).status for _ in range(3)] == [200, 200, 429]
    limits.expect_limit(post(daemon, sign(sub="user-1", jti="another")), "[rate-limit]")
    assert post(daemon, second).status == 200


def test_a_client_of_the_config_has_its_rights(make, upstream):
    daemon = make("", "[client ann]\nmodels=fake-o*\nallowed-strategies=round_robin\nmax-concurrent=5\n")
    token = sign(sub="ann")
    expect_error(post(daemon, token), 403, "`models` in [client ann]")
    strategy = ("X-Proxy-Strategy", "failover")
    expect_error(post(daemon, token, "fake-other", [strategy]), 403, "`allowed-strategies` in [client ann]")
    assert not upstream.requests
    assert post(daemon, token, "fake-other", [("X-Proxy-Strategy", "round_robin")]).status == 200
    daemon.secrets.append(token)
    listed = daemon.request("GET", "/v1/models", token=token).json()["data"]
    assert [model["id"] for model in listed] == ["fake-other"]
    assert post(daemon, sign(sub="bob")).status == 200


def test_a_disabled_client_is_not_let_in(make):
    daemon = make("", "[client ann]\nenabled=false\n")
    expect_error(post(daemon, sign(sub="ann")), 403, "[client ann]")


@pytest.mark.parametrize("name", ["anonymous", "default", "demo"])
def test_nobody_is_one_of_the_daemons_own(make, name):
    expect_error(post(make(), sign(sub=name)), 403, "own")
