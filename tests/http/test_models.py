# SPDX-License-Identifier: MIT
"""Model lists, aliases, unknown models, discovery."""

import pytest

from lib import answers
from lib.checks import expect_error, wait_until
from lib.daemon import config
from lib.upstream import FakeUpstream

CONFIG = "[mapping gpt-4]\ntarget=fake-model\n[mapping only-here@fake]\ntarget=fake-other\n"


def ids(daemon, **options):
    """The names in the model list."""
    response = daemon.request("GET", "/v1/models", **options)
    assert response.status == 200, response
    body = response.json()
    assert body["object"] == "list"
    for model in body["data"]:
        assert model["object"] == "model" and model["owned_by"] and isinstance(model["created"], int), model
    return [model["id"] for model in body["data"]]


def test_the_list_has_models_and_aliases_once_each(daemon, upstream):
    names = ids(daemon)
    assert {"fake-model", "fake-other", "gpt-4"} <= set(names)
    assert len(names) == len(set(names))


def test_one_model(daemon, upstream):
    for name in ("fake-model", "gpt-4"):
        model = daemon.request("GET", f"/v1/models/{name}").json()
        assert (model["id"], model["object"]) == (name, "model")
    assert not upstream.requests


def test_an_unknown_model_is_404_and_near_names_are_told(daemon, upstream):
    expect_error(daemon.request("GET", "/v1/models/fake-modle"), 404, "fake-model")
    error = expect_error(daemon.chat(model="fake-modle"), 404, "fake-modle", "fake-model")
    assert error["code"] == "model_not_found" and error["param"] == "model"
    assert not upstream.requests


@pytest.mark.parametrize(
    "name", ["x" * 5000, "a\nb", "<script>", "../../etc/passwd", "model?x=1", "é€"], ids=lambda n: n[:12]
)
def test_a_model_name_is_data(daemon, upstream, name):
    expect_error(daemon.chat(model=name), (400, 404))
    assert not upstream.requests


def test_aliases_reach_their_target(daemon, upstream):
    assert daemon.chat(model="gpt-4").header("X-Proxy-Model") == "fake-model"
    assert daemon.chat(model="only-here").header("X-Proxy-Model") == "fake-other"


def test_unknown_models_are_refused_without_a_list_too(start, upstream):
    daemon = start(config(upstream, "[routing]\nallow-unknown-models=false\n", models=None))
    expect_error(daemon.chat(model="brand-new-model"), 404)


@pytest.fixture(name="allowing")
def allowing_fixture(start, upstream):
    return start(config(upstream, "[routing]\nallow-unknown-models=true\ndefault-provider=fake\n"))


def test_unknown_models_pass_when_allowed(allowing, upstream):
    assert allowing.chat(model="brand-new-model").status == 200
    assert b'"brand-new-model"' in upstream.request.body


def test_unknown_models_pass_when_not_validated(start, upstream):
    daemon = start(config(upstream, "[routing]\nvalidate-models=false\n", models=None))
    assert daemon.chat(model="brand-new-model").status == 200


def test_globs_name_models(start, upstream):
    daemon = start(config(upstream, models="fake-*"))
    assert daemon.chat(model="fake-anything").status == 200
    expect_error(daemon.chat(model="other-thing"), 404)


def test_a_provider_without_models_is_asked_once(start):
    upstream = FakeUpstream()
    upstream.answer_with(
        lambda exchange: (
            answers.models(["found-a", "found-b"]) if exchange.request.method == "GET" else answers.plain()
        )(exchange)
    )
    daemon = start(config(upstream, models=None))
    assert wait_until(lambda: {"found-a", "found-b"} <= set(ids(daemon)))
    assert daemon.chat(model="found-a").status == 200
    for _ in range(5):
        ids(daemon)
    asked = [request for request in upstream.requests if request.target.startswith("/v1/models")]
    assert len(asked) == 1
    assert asked[0].header("Authorization").startswith("Bearer sk-fake")
    daemon.stop()
    upstream.close()


@pytest.mark.parametrize(
    "handler",
    [
        answers.html(200),
        answers.error(500),
        answers.garbage,
        answers.nothing,
        answers.plain(b'{"data":[{"id":5},{"x":1},"y",{"id":"good"}]}'),
        answers.plain(b'{"data":{}}'),
        answers.plain(b"[" * 5000),
    ],
    ids=["html", "500", "garbage", "nothing", "odd entries", "no list", "deep"],
)
def test_a_bad_model_list_does_no_harm(start, handler):
    upstream = FakeUpstream()
    upstream.answer_with(
        lambda exchange: (handler if exchange.request.method == "GET" else answers.plain())(exchange)
    )
    daemon = start(config(upstream, "[routing]\nallow-unknown-models=true\n", models=None))
    upstream.wait_for_requests(1)
    ids(daemon)
    assert daemon.chat(model="any-model").status == 200
    daemon.stop()
    upstream.close()


@pytest.mark.slow
def test_an_upstream_that_does_not_tell_its_models_holds_nothing_up(start):
    upstream = FakeUpstream()
    upstream.answer_with(answers.stall)
    daemon = start(config(upstream, CONFIG, models=None))
    assert "only-here" in ids(daemon)
    upstream.close()
    daemon.stop()


def test_a_key_without_a_secret_is_told(start, upstream):
    daemon = start(config(upstream, key="secret=env:NOT_SET_ANYWHERE"))
    expect_error(daemon.chat(), 503, "k1")
    assert not upstream.requests


def test_unknown_models_do_not_pass_a_closed_list(start, upstream):
    """A provider whose `models` are given gets no others, unless it is the default."""
    daemon = start(config(upstream, "[routing]\nallow-unknown-models=true\n"))
    expect_error(daemon.chat(model="brand-new-model"), 404)
    assert not upstream.requests


def test_a_disabled_provider_is_not_used(start, upstream):
    daemon = start(config(upstream, provider="enabled=false"))
    assert daemon.chat().status in (404, 503)
    assert not upstream.requests


def test_two_keys_take_turns(start, upstream):
    daemon = start(config(upstream, "[key k2]\nprovider=fake\nsecret=env:FAKE_KEY_2\n[server]\nworkers=1\n"))
    names = [daemon.chat().header("X-Proxy-Key") for _ in range(6)]
    assert sorted(names) == ["k1"] * 3 + ["k2"] * 3
    assert len({request.header("Authorization") for request in upstream.requests}) == 2
