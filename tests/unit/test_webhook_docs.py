"""What the page on webhooks tells a receiver is what the channel does."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from adapters.channels.shared.http import HttpReply
from adapters.channels.webhook.notifier import payload, verdict
from adapters.channels.webhook.signature import signed_headers, signing_key
from domain.content import Content
from domain.errors import Permanent, Throttled, Transient
from tests.fakes import a_notification

PAGE = (Path(__file__).parents[2] / "docs/webhook.md").read_text("utf-8")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def the_receiver() -> dict[str, Any]:
    """The page's own example, run."""
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def a_request() -> tuple[dict[str, str], bytes]:
    body = payload(a_notification(), Content(subject="Hello", parts={"text": "Hi Zoë"}))
    return signed_headers(signing_key(SECRET), ("n-1", "https://shop.example/"), body), body


def test_its_example_accepts_what_we_send() -> None:
    headers, body = a_request()

    the_receiver()["verify"](SECRET, headers, body)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_else"},
        {"webhook-timestamp": str(int(time.time()) - 200)},
        {"webhook-timestamp": "1614265330"},
        {"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    ],
    ids="".join,
)
def test_its_example_refuses_what_was_changed_on_the_way(change: dict[str, str]) -> None:
    headers, body = a_request()

    with pytest.raises(ValueError, match=r"signed|old"):
        the_receiver()["verify"](SECRET, {**headers, **change}, body)


def test_its_fields_are_the_bodys_fields() -> None:
    _headers, body = a_request()
    table = PAGE.split("| field | is |")[1].split("\n\n")[0]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(json.loads(body))


def test_its_table_of_answers_is_the_one_that_is_followed() -> None:
    table = PAGE.split("| answer | then |")[1].split("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if "|" in line]
    checked = 0
    for answers, then in rows:
        headers = {"retry-after": "5"} if "Retry-After" in answers else {}
        for status in map(int, re.findall(r"\b\d{3}\b", answers)):
            error = verdict(HttpReply(status, headers, b""), "example.com")
            if "retry delay" in then:
                assert isinstance(error, Transient), status
            elif "that wait" in then:
                assert isinstance(error, Throttled), status
            else:
                assert isinstance(error, Permanent), status
                assert str(error.reason) in then, status
            checked += 1
    assert checked > 15
