"""The proxies of the environment are used, or refused before the first message."""

from pathlib import Path

import pytest

from entrypoints.settings import SettingsInvalid, load_settings

TELEGRAM = {"DISPATCHER_TELEGRAM_TOKEN": "1:x"}


def faults(environ: dict[str, str]) -> list[str]:
    try:
        load_settings(environ, Path("absent.toml"))
    except SettingsInvalid as invalid:
        return invalid.faults
    return []


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "http_proxy"])
@pytest.mark.parametrize(
    "channel",
    [
        TELEGRAM,
        {"DISPATCHER_SLACK_TOKEN": "xoxb-1"},
        {"DISPATCHER_SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/x"},
        {"DISPATCHER_TARGETS__OPS": "json://host"},
    ],
    ids=lambda channel: next(iter(channel)),
)
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4"])
def test_field_7_6_a_socks_proxy_that_cannot_be_used_is_one_fault_with_its_name(
    name: str, channel: dict[str, str], scheme: str
) -> None:
    [fault] = faults({**channel, name: f"{scheme}://user:sentinel@127.0.0.1:1080"})

    assert fault.startswith(f"{name}: ")
    assert "unset it" in fault
    assert "sentinel" not in fault


@pytest.mark.parametrize(
    "environ",
    [
        {"ALL_PROXY": "socks5://127.0.0.1:1080"},
        {"ALL_PROXY": "socks5://127.0.0.1:1080", "DISPATCHER_WEBHOOK_SECRET": "whsec_x" * 8},
        {"ALL_PROXY": "socks5://127.0.0.1:1080", "NO_PROXY": "a, *", **TELEGRAM},
        {"ALL_PROXY": "", **TELEGRAM},
        {"HTTPS_PROXY": "http://user:pass@proxy:3128", **TELEGRAM},
        {"https_proxy": "proxy:3128", "ALL_PROXY": "https://proxy:3129/", **TELEGRAM},
    ],
)
def test_field_7_6_a_proxy_that_is_not_used_or_can_be_is_no_fault(environ: dict[str, str]) -> None:
    assert faults(environ) == []


@pytest.mark.parametrize("text", ["http://us@er:sentinel@proxy", "ftp://proxy", "http://", "a b"])
def test_field_7_6_a_proxy_that_cannot_be_read_is_a_fault_and_not_shown(text: str) -> None:
    [fault] = faults({"HTTPS_PROXY": text, **TELEGRAM})

    assert fault.startswith("HTTPS_PROXY: must be http://host:port")
    assert "sentinel" not in fault
