"""What of a channel's settings only its adapter can judge is told by the variable's name."""

import sys

import pytest

from entrypoints.container import Container
from entrypoints.settings import SettingsInvalid
from tests.unit.entrypoints.loading import RABBIT, load


def test_targets_that_apprise_does_not_know_are_named_all_at_once_without_their_urls() -> None:
    settings = load(
        {
            **RABBIT,
            "DISPATCHER_TARGETS__OPS": "discord://hush",
            "DISPATCHER_TARGETS__DEV": "nope://hush",
        }
    )

    with pytest.raises(SettingsInvalid) as refusal:
        Container(settings=settings).channel_notifiers()

    assert sorted(refusal.value.faults) == [
        "DISPATCHER_TARGETS__DEV: is no URL that Apprise knows",
        "DISPATCHER_TARGETS__OPS: is no URL that Apprise knows",
    ]


def test_targets_without_the_extra_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "adapters.channels.apprise.notifier", raising=False)
    monkeypatch.setitem(sys.modules, "apprise", None)  # as if it were not installed

    settings = load({**RABBIT, "DISPATCHER_TARGETS__OPS": "json://127.0.0.1"})

    with pytest.raises(SettingsInvalid, match=r"dispatcher-worker\[apprise\]"):
        Container(settings=settings).channel_notifiers()


def test_a_webhook_secret_that_is_no_key_is_named() -> None:
    settings = load({**RABBIT, "DISPATCHER_WEBHOOK_SECRET": "whsec_no base64"})

    with pytest.raises(SettingsInvalid) as refusal:
        Container(settings=settings).channel_notifiers()

    assert refusal.value.faults == ["DISPATCHER_WEBHOOK_SECRET: what follows whsec_ must be base64"]
