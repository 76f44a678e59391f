# SPDX-License-Identifier: MIT
"""Configs with several providers, one for each fake upstream, tried in their order."""

from .daemon import config

# Nothing waits, nothing opens, nothing acts by itself, unless a test says so.
RETRY = "[retry]\nenabled=true\nbase-delay=1ms\nmax-delay=20ms\n"


def several(upstreams, extra="", routing="strategy=failover", provider="", key="", retry=RETRY):
    """One provider `pN` with one key `kN` for each upstream; the first one is preferred."""
    text = f"{retry}[routing]\nallow-unknown-models=false\n{routing}\n" + extra
    for number, upstream in enumerate(upstreams, 1):
        text += (
            f"[provider p{number}]\ndialect=openai\nbase-url={upstream.base_url}\nmodels=fake-model\n"
            f"priority={number if 'failover' in routing else 0}\n{provider}\n"
            f"[key k{number}]\nprovider=p{number}\nsecret=env:FAKE_KEY_1\n{key}\n"
        )
    return config(None, text)


def hasty(text, *limits, provider="p1"):
    """The config with short limits ("first-byte", "idle") for one provider: only who is to be late may be hurried."""
    group = f"[provider {provider}]\n"
    return text.replace(group, group + "".join(f"{limit}-timeout=500ms\n" for limit in limits))
