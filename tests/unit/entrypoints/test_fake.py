"""Made-up messages, as the worker of each channel judges them."""

import json
from pathlib import Path

import pytest

from adapters.templates.snapshot import Snapshot
from entrypoints.cli.sending.fake import fake_messages
from entrypoints.cli.sending.send import address_fault
from entrypoints.settings import Settings
from tests.support.decoding import decode
from tests.support.rendering import templates_in
from tests.unit.entrypoints.loading import load

PAGE = "{% set subject = 'Hi' %}<p>{{ name }}</p>"
SETTINGS = load(
    {
        "DISPATCHER_TELEGRAM_TOKEN": "1:a",
        "DISPATCHER_SLACK_TOKEN": "xoxb-1",
        "DISPATCHER_WEBHOOK_SECRET": "s" * 32,
        "DISPATCHER_TARGETS__OPS": "json://127.0.0.1",
        "DISPATCHER_TARGETS__TEAM": "json://127.0.0.1",
    }
)
OWN = SETTINGS.channel_settings
EXAMPLE = {
    "to": "ann@example.com",
    "cc": "cy@example.com",
    "channel": "email",
    "attachments": [{"filename": "a", "content": ""}],
    "parameters": {"name": "Ann"},
}


def snapshot_of(folder: Path, example: object) -> Snapshot:
    (folder / "note/examples").mkdir(parents=True)
    (folder / "note/html.jinja2").write_text(PAGE)
    (folder / "note/examples/one.json").write_text(json.dumps(example))
    return templates_in(folder).snapshot


@pytest.mark.parametrize("channel", ["email", "telegram", "slack", "webhook"])
def test_field_8_2_a_made_up_message_goes_to_an_address_that_its_channel_takes(
    channel: str, tmp_path: Path
) -> None:
    snapshot = snapshot_of(tmp_path, EXAMPLE)

    for message in fake_messages(snapshot, "note", 20, OWN, channel=channel):
        body = json.dumps({**message, "template": "note"}).encode()
        (notification,) = decode(body, channel=channel).notifications
        assert notification.channel == channel
        assert len(notification.to) == 1
        assert address_fault(notification, SETTINGS) is None
        assert bool(notification.cc) is (channel == "email")
        assert bool(notification.attachments) is (channel in {"email", "telegram"})


def test_field_8_2_an_example_for_several_channels_stays_one_for_them(tmp_path: Path) -> None:
    both = {"channels": ["email", "telegram"], "to": {}, "parameters": {"name": "Ann"}}
    (message,) = fake_messages(snapshot_of(tmp_path, both), "note", 1, OWN, channel="email")

    decoded = decode(json.dumps({**message, "template": "note"}).encode(), channel="email")

    assert [one.channel for one in decoded.notifications] == ["email", "telegram"]
    assert [address_fault(one, SETTINGS) for one in decoded.notifications] == [None, None]


def test_field_8_2_a_target_is_one_of_those_that_are_set(tmp_path: Path) -> None:
    snapshot = snapshot_of(tmp_path, EXAMPLE)

    found = fake_messages(snapshot, "note", 20, OWN, channel="apprise")

    assert {message["to"] for message in found} <= {"ops", "team"}


@pytest.mark.parametrize(
    ("channel", "address"),
    [("email", "nonsense"), ("telegram", "ann"), ("slack", "ann"), ("webhook", "example.com/x")],
)
def test_field_8_2_an_address_that_the_worker_would_refuse_is_found(
    channel: str, address: str
) -> None:
    body = json.dumps({"to": address, "template": "note"}).encode()
    (notification,) = decode(body, channel=channel).notifications

    assert address_fault(notification, SETTINGS)
    captured = address_fault(notification, Settings())
    assert (captured is None) is (channel != "email")
