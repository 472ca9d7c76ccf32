"""Which channels there are, whom alerts go to, and the recipient guard."""

import os
from pathlib import Path

import pytest

from domain.notification import Recipient
from entrypoints.settings import SettingsInvalid
from entrypoints.start import worker_settings
from tests.unit.entrypoints.loading import RABBIT, faults, load, of_channel

TELEGRAM = {"DISPATCHER_TELEGRAM_TOKEN": "1:a"}


def worker_faults(environ: dict[str, str], channels: str | None = None) -> list[str]:
    with pytest.raises(SettingsInvalid) as refusal:
        worker_settings(load(environ), channels)
    return refusal.value.faults


def test_beside_a_real_broker_a_channel_is_there_once_its_setting_is() -> None:
    settings = worker_settings(load({**RABBIT, **TELEGRAM}), None)

    assert settings.active_queues == {"telegram": "telegram"}


def test_slack_needs_a_token_or_a_webhook() -> None:
    by_webhook = load({**RABBIT, "DISPATCHER_SLACK_WEBHOOK_URL": "https://hooks.example.org/a"})

    assert by_webhook.configured_channels == ("slack",)
    assert load({**RABBIT, "DISPATCHER_SLACK_TOKEN": "xoxb"}).configured_channels == ("slack",)


def test_a_channel_without_a_queue_is_served_to_messages_of_other_queues() -> None:
    settings = load({**RABBIT, **TELEGRAM, "DISPATCHER_WEBHOOK_SECRET": "s"})

    assert settings.configured_channels == ("telegram", "webhook")
    assert settings.active_channels == ("telegram",)


def test_a_channel_that_is_asked_for_needs_its_setting_and_its_queue() -> None:
    environ = {**RABBIT, **TELEGRAM}

    assert worker_faults(environ, "telegram,webhook") == [
        "DISPATCHER_WEBHOOK_SECRET: must be set, since channel 'webhook' is asked for",
        "DISPATCHER_QUEUES: names no queue for channel 'webhook'",
    ]


def test_queues_for_none_of_the_channels_are_a_fault() -> None:
    [fault] = worker_faults({**RABBIT, **TELEGRAM, "DISPATCHER_QUEUES": "email=mail"})

    assert fault == "DISPATCHER_QUEUES: names no queue for any of telegram"


def test_a_secret_in_a_file_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("1:old\n")
    token = of_channel({"DISPATCHER_TELEGRAM_TOKEN_FILE": str(file)}, "telegram").token

    file.write_text("1:new\n")

    assert token.now() == "1:new"
    file.unlink()
    assert token.now() == "1:new"


def test_a_secret_that_comes_through_a_pipe_is_read_once() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"1:piped")
    os.close(writing)

    token = of_channel({"DISPATCHER_TELEGRAM_TOKEN_FILE": f"/dev/fd/{reading}"}, "telegram").token

    os.close(reading)
    assert (token.now(), token.file) == ("1:piped", None)


def test_alerts_go_to_any_channel() -> None:
    settings = load(
        {"DISPATCHER_ALERTS_TO": "slack:#ops, telegram:-100, email:Ann <ann@example.org>"}
    )

    assert [str(target) for target in settings.alerts_to] == [
        "slack:#ops",
        "telegram:-100",
        'email:"Ann" <ann@example.org>',
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ops@example.org", "must be channel:address, such as email:ops@example.org"),
        ("email:", "must not be empty"),
        ("email:nobody", "'nobody' for email"),
        ("telegram:nobody here", "'nobody here' for telegram"),
        ("telegram:bob", "'bob' for telegram"),
        ("slack:nonsense", "'nonsense' for slack"),
        ("webhook:notaurl", "webhook: a webhook's recipient must be"),
        ("pager:1", "unknown channel 'pager'"),
        ("webgui:1", "belongs to another program"),
    ],
)
def test_an_alert_target_that_cannot_be_served_is_refused(text: str, words: str) -> None:
    [fault] = faults({"DISPATCHER_ALERTS_TO": text})

    assert fault.startswith("DISPATCHER_ALERTS_TO: ")
    assert words in fault


def test_an_alert_by_a_channel_that_is_not_there_is_refused() -> None:
    assert worker_faults({**RABBIT, **TELEGRAM, "DISPATCHER_ALERTS_TO": "slack:#ops"}) == [
        "DISPATCHER_SLACK_TOKEN: must be set, since DISPATCHER_ALERTS_TO names 'slack'"
    ]


def test_a_redirect_to_a_channel_that_is_not_there_is_refused() -> None:
    assert worker_faults({**RABBIT, **TELEGRAM, "DISPATCHER_REDIRECT_TO": "slack:#ops"}) == [
        "DISPATCHER_SLACK_TOKEN: must be set, since DISPATCHER_REDIRECT_TO names 'slack'"
    ]


def test_for_an_incoming_webhook_of_slack_an_address_is_but_a_label() -> None:
    hook = {"DISPATCHER_SLACK_WEBHOOK_URL": "https://hooks.example.org/a"}

    settings = load({**hook, "DISPATCHER_ALERTS_TO": "slack:ops"})

    assert [str(target) for target in settings.alerts_to] == ["slack:ops"]


def test_what_is_wrong_with_a_webhook_is_told_without_its_url() -> None:
    [fault] = faults({"DISPATCHER_ALERTS_TO": "webhook:ftp://host/hidden"})

    assert "hidden" not in fault


def test_alerts_need_a_sender() -> None:
    alerts = {"DISPATCHER_ALERTS_TO": "email:ops@example.org"}

    with pytest.raises(SettingsInvalid, match="DISPATCHER_EMAIL_FROM: must be set"):
        worker_settings(load(alerts), None)
    with_sender = {**alerts, "DISPATCHER_EMAIL_FROM": "shop@example.org"}
    assert worker_settings(load(with_sender), None).alerts_to


def test_the_guard_has_patterns_and_a_target_for_each_channel() -> None:
    settings = load(
        {
            "DISPATCHER_ONLY_TO": "*@example.org, 42",
            "DISPATCHER_REDIRECT_TO": "dev@example.org, slack:#test",
        }
    )

    assert settings.only_to == ("*@example.org", "42")
    assert settings.redirect_to == {
        "email": Recipient(address="dev@example.org"),
        "slack": Recipient(address="#test"),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nobody", "'nobody' for email"),
        ("telegram:bob", "'bob' for telegram"),
        ("pager:1", "unknown channel 'pager'"),
        ("slack:#a,slack:#b", "names two addresses for slack"),
        ("slack:", "must not be empty"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_refused(text: str, words: str) -> None:
    [fault] = faults({"DISPATCHER_REDIRECT_TO": text})

    assert fault.startswith("DISPATCHER_REDIRECT_TO: ")
    assert words in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [("DISPATCHER_ONLY_TO", "*@example.org"), ("DISPATCHER_REDIRECT_TO", "dev@example.org")],
)
def test_production_refuses_the_guard(name: str, value: str) -> None:
    environ = {**RABBIT, "DISPATCHER_ENV": "production", name: value}

    assert faults(environ) == [
        f"{name}: the recipient guard is refused with DISPATCHER_ENV=production"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_API_URL", "ftp://hidden"),
        ("TELEGRAM_API_URL", "hidden:8081"),
        ("TELEGRAM_API_URL", "http://host:hidden"),
        ("TELEGRAM_API_URL", "http://host:0/hidden"),
        ("SLACK_API_URL", "hidden.example"),
        ("SLACK_API_URL", "https:///hidden"),
        ("SLACK_WEBHOOK_URL", "hooks.example.org/services/hidden"),
        ("SLACK_WEBHOOK_URL", "https://hooks.example.org/hid\nden"),
        ("TELEGRAM_TOKEN", "hidden token/x"),
        ("TELEGRAM_TOKEN", "1:hidden/x"),
        ("SLACK_TOKEN", "xoxb hidden"),
        ("SLACK_TOKEN", "xoxb-hidden-ä"),
    ],
)
def test_a_url_or_a_token_that_cannot_be_one_is_refused_and_not_told(name: str, value: str) -> None:
    [fault] = faults({f"DISPATCHER_{name}": value})

    assert fault.startswith((f"DISPATCHER_{name}: must be ", f"DISPATCHER_{name}: must not "))
    assert "hid" not in fault


def test_urls_and_tokens_as_the_providers_give_them_are_taken() -> None:
    settings = of_channel(
        {
            "DISPATCHER_TELEGRAM_TOKEN": "123456789:AAE-x_Y",
            "DISPATCHER_TELEGRAM_API_URL": "http://[::1]:8081/base",
            "DISPATCHER_SLACK_TOKEN": "xoxb-1-a",
            "DISPATCHER_SLACK_API_URL": "http://localhost:65535",
        },
        "telegram",
    )

    assert settings.api_url.value == "http://[::1]:8081/base"


@pytest.mark.parametrize("name", ["", " ", "MY PHONE", "PHONE\t"])
def test_a_target_needs_a_name_that_a_message_can_address(name: str) -> None:
    [fault] = faults({f"DISPATCHER_TARGETS__{name}": "json://host/hidden"})

    assert fault.startswith(f"DISPATCHER_TARGETS__{name}: ")
    assert "hidden" not in fault


@pytest.mark.parametrize("name", ["bad name", "mail.example.com\r\nX", "[nothing]", "a_b"])
def test_field_5_2_a_name_for_the_relay_that_cannot_be_one_is_refused(name: str) -> None:
    [fault] = faults({"DISPATCHER_EMAIL_EHLO": name})

    assert fault.startswith("DISPATCHER_EMAIL_EHLO: must be a domain")
