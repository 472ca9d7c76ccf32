"""The schema and the decoder are of one mind, as far as a schema can say it."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from adapters.message_format.json_schema import message_schema
from domain.errors import MalformedMessage
from tests.support.decoding import decode

SCHEMA = Draft202012Validator(message_schema())
LEAST = {"to": "ann@example.com", "template": "welcome"}
FILE = {"filename": "a.pdf", "content": "QQ=="}
BOTH = {"to": {"email": "a@example.com", "slack": ["#a"]}, "template": "welcome"}


def decoder_accepts(message: Any, channel: str = "email") -> bool:
    try:
        decode(json.dumps(message).encode("utf-8", "surrogatepass"), channel=channel)
    except MalformedMessage:
        return False
    return True


def with_(**fields: object) -> dict[str, object]:
    return {**LEAST, **{name.rstrip("_"): value for name, value in fields.items()}}


ACCEPTED = [
    LEAST,
    with_(to=["Lee, Ann <ann@example.com>", "bob@example.com"], from_="Shop <s@example.com>"),
    with_(from_="", reply_to="", cc="", bcc=[], subject="", id="", locale=""),
    with_(**dict.fromkeys(["from_", "id", "channels", "delay", "attachments", "headers", "cc"])),
    with_(parameters={"name": None}, metadata={"a": [1]}, unknown_field=object.__name__),
    with_(locale="it-IT", individually=True, priority=255, template="mail/order.v2"),
    with_(delay=0), with_(delay=90.5), with_(delay="90s"), with_(delay=" 1.5 h "),
    with_(send_at="2026-01-31T08:00:00+01:00", expires_at="2026-01-31 08:00Z"),
    with_(send_at="20260131T080000.5+0100"), with_(send_at="2026-W05-6T08:00-03"),
    with_(headers={"x-tag": "a", "List-Unsubscribe": "<https://example.com>", "References": ""}),
    with_(attachments=[FILE, {"filename": "b", "path": "b", "content_type": "text/plain; a=b"}]),
    with_(attachments=[{**FILE, "path": None, "more": 1}]),
    with_(channel="sms"),
    with_(parameters=[], headers=[], metadata=[]), with_(headers={"X-A": None}),
    with_(headers={"Precedence": "bulk", "feedback-id": "a:b:c"}, envelope_from="b@example.com"),
    with_(locale="en_US.UTF-8"), with_(locale="C"), with_(locale="de_DE@euro"),
    with_(timezone="Europe/Rome", send_at="2026-01-31t08:00:00z"),
    with_(attachments=[{**FILE, "content": "QQ", "content_id": "<logo@a.b>"}]),
    with_(attachments=[{**FILE, "content_type": 'a/b; name="Müller \\" 1.pdf"; x=y;'}]),
    {**BOTH, "channels": ["email", "slack"]},
    {**BOTH, "fallback": ["slack", "email"], "channel": None, "channels": None},
]  # fmt: skip

REFUSED: list[object] = [
    [], "x", None, {}, {"to": "ann@example.com"}, {"template": "welcome"},
    with_(to=None), with_(to=""), with_(to=" "), with_(to=[]), with_(to="Ann <>"), with_(to=True),
    with_(to="a\nBcc: x"), with_(to=["a", ""]), with_(to={"email": "a"}), with_(to=1.5),
    with_(template="../x"), with_(template="a//b"), with_(template=""), with_(template="é"),
    with_(template="x" * 201), with_(template=None), with_(template=7),
    with_(from_=["a"]), with_(from_="\0"), with_(cc=7.5), with_(cc=[None]), with_(reply_to="a\r"),
    with_(subject="a\nb"), with_(subject=1), with_(id="x" * 256), with_(id=1), with_(id="a\nb"),
    with_(parameters=[1]), with_(parameters="x"), with_(metadata=1),
    with_(individually="yes"), with_(individually=1), with_(locale="?"), with_(locale="i"),
    with_(priority=256), with_(priority=-1), with_(priority="1"), with_(priority=True),
    with_(delay=-1), with_(delay="soon"), with_(delay=True), with_(delay=31622401), with_(delay=[]),
    with_(send_at="tomorrow"), with_(send_at="2026-01-31T08:00:00"), with_(send_at="2026-01-31"),
    with_(expires_at=1769846400),
    with_(headers={"Subject": "x"}), with_(headers={"X-Dispatcher-Id": "1"}),
    with_(headers={"Li\u017ft-Id": "a"}), with_(headers={"X-A": "a\nb"}), with_(headers=["x"]),
    with_(headers={"X-A": 1}),
    with_(attachments={}), with_(attachments=["x"]), with_(attachments=[{"filename": "a"}]),
    with_(attachments=[{**FILE, "path": "b"}]), with_(attachments=[{"content": "QQ=="}]),
    with_(attachments=[{**FILE, "filename": ""}]), with_(attachments=[{**FILE, "content": "é"}]),
    with_(attachments=[{**FILE, "content_type": "pdf"}]),
    with_(channel="Email"), with_(channel=""), with_(channels="email"), with_(fallback=[]),
    {**BOTH, "channels": ["email", "email"]}, {**LEAST, "channels": ["email"]},
    {**BOTH, "channels": ["email", "slack"], "channel": "email"},
    {**BOTH, "channels": ["email", "slack"], "fallback": ["email", "slack"]},
    {**BOTH, "channels": ["email"], "to": {}}, {**BOTH, "channels": ["e"], "to": {"e": []}},
]  # fmt: skip

BEYOND_A_SCHEMA = [
    with_(to=123),  # the queue says whether it is Telegram's
    with_(priority=5.0),
    with_(id="é" * 200),
    with_(send_at="2026-02-31T08:00:00Z"),
    with_(delay="9999d"),
    with_(attachments=[{**FILE, "content": "Q"}]),
    with_(to=[f"{n}@example.com" for n in range(501)]),
    {**BOTH, "channels": ["email", "slack", "telegram"]},
    {**BOTH, "channels": ["email"]},
    {**BOTH, "channels": ["slack"], "to": {"slack": "#a"}, "cc": "a@example.com"},
]


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(message_schema())


@pytest.mark.parametrize("message", ACCEPTED, ids=repr)
def test_what_a_worker_accepts_the_schema_accepts(message: object) -> None:
    assert decoder_accepts(message)
    assert SCHEMA.is_valid(message)


@pytest.mark.parametrize("message", REFUSED, ids=lambda message: repr(message)[:80])
def test_what_the_schema_refuses_a_worker_refuses(message: object) -> None:
    assert not SCHEMA.is_valid(message)
    assert not decoder_accepts(message)


@pytest.mark.parametrize("message", BEYOND_A_SCHEMA, ids=lambda message: repr(message)[:80])
def test_what_no_schema_can_say_the_worker_alone_refuses(message: object) -> None:
    assert SCHEMA.is_valid(message)
    assert not decoder_accepts(message)


def test_a_chat_number_is_telegram_s() -> None:
    assert SCHEMA.is_valid(with_(to=[-100, "@news"], channel="telegram"))
    assert decoder_accepts(with_(to=[-100, "@news"]), channel="telegram")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=3,
)
SAMPLES = [
    (name, value)
    for message in [*ACCEPTED, *REFUSED, *BEYOND_A_SCHEMA]
    if isinstance(message, dict)
    for name, value in message.items()
]
FIELDS = st.sampled_from(SAMPLES) | st.tuples(st.sampled_from([n for n, _ in SAMPLES]), ANY)
MESSAGES = st.builds(
    lambda base, fields: {**base, **dict(fields)},
    st.sampled_from([LEAST, {**BOTH, "channels": ["email", "slack"]}]),
    st.lists(FIELDS, max_size=4),
)
ALPHABET = st.text(st.sampled_from("aZ0 _-./<>@,:;=+TW\t\n\r\x00é") | st.characters(codec="utf-8"))
TEXTS = ("to", "from", "subject", "id", "locale", "template", "send_at", "delay", "channel")


@settings(max_examples=400)
@given(MESSAGES)
def test_the_schema_refuses_nothing_that_a_worker_accepts(message: dict[str, object]) -> None:
    if decoder_accepts(message):
        assert SCHEMA.is_valid(message), list(SCHEMA.iter_errors(message))


@settings(max_examples=400)
@given(st.sampled_from(TEXTS), ALPHABET)
@example("delay", "\u0661s")
def test_no_text_is_refused_that_a_worker_accepts(field: str, text: str) -> None:
    message = with_(**{field: text})

    if decoder_accepts(message):
        assert SCHEMA.is_valid(message), list(SCHEMA.iter_errors(message))


@settings(max_examples=200)
@given(st.text(max_size=12) | st.from_regex(r"(X|List)-[A-Za-z-]{1,8}", fullmatch=True), st.text())
def test_no_header_is_refused_that_a_worker_accepts(name: str, text: str) -> None:
    message = with_(headers={name: text})

    if decoder_accepts(message):
        assert SCHEMA.is_valid(message), list(SCHEMA.iter_errors(message))
