"""What a retried or dead message remembers of its past."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.message_format.headers import MAX_ERROR, DeliveryHeaders, iso
from adapters.texts import short_text
from domain.errors import FailureReason
from tests.fakes import NOON, recipients

FRAME = 60 * 1024
NAMES = [
    "attempt",
    "in-doubt",
    "reason",
    "error",
    "first-seen",
    "failed-at",
    "queue",
    "key",
    "remaining",
    "resume",
    "channel",
    "due",
]

words = st.text(st.characters(whitelist_categories=["L", "N"]), min_size=1, max_size=40)
times = st.datetimes(
    min_value=datetime.fromisoformat("1971-01-01"),
    max_value=datetime.fromisoformat("9000-01-01"),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
some_headers = st.builds(
    DeliveryHeaders,
    attempt=st.integers(0, 1_000_000),
    in_doubt=st.booleans(),
    reason=st.none() | st.sampled_from(FailureReason),
    error=st.none() | words,
    first_seen=st.none() | times,
    failed_at=st.none() | times,
    queue=st.none() | words,
    key=st.none() | words,
    remaining=st.none()
    | st.lists(words, min_size=1, max_size=5).map(lambda names: recipients(*names)),
    channel=st.none() | words,
    due=st.none() | times,
    traceparent=st.none() | words,
)
garbage = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary(max_size=20)
    | st.text(max_size=20)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
    | st.datetimes()
    | st.sampled_from(
        ["[" * 100_000, '["a", 1]', "[]", "{}", '[""]', "0001-01-01T00:00:00+23:59", "\ud800"]
    )
)


@given(some_headers)
def test_headers_read_back_as_written(headers: DeliveryHeaders) -> None:
    assert DeliveryHeaders.parse(headers.to_wire()) == headers


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys((f"x-dispatcher-{n}" for n in NAMES), garbage))
)
def test_a_header_that_is_nonsense_is_read_as_absent(table: dict[str, object]) -> None:
    headers = replace(DeliveryHeaders.parse(table), error=None)

    assert headers == DeliveryHeaders.parse(headers.to_wire())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attempt", "3"),
        ("attempt", True),
        ("attempt", -1),
        ("attempt", 10**9),
        ("reason", "bored"),
        ("reason", 7),
        ("error", b"bytes"),
        ("error", "x" * 501),
        ("key", "k" * 501),
        ("first-seen", "yesterday"),
        ("first-seen", "2026-01-31T12:00:00"),
        ("first-seen", 1_700_000_000),
        ("due", "0001-01-01T00:00:00+23:59"),
        ("remaining", "ann@example.com"),
        ("remaining", '"ann@example.com"'),
        ("remaining", '["ann@example.com", 1]'),
        ("remaining", '["a\\nb"]'),
        ("remaining", "[]"),
        ("remaining", "[" * 20_000),
        ("remaining", json.dumps(["a" * 33_000])),
        ("remaining", ["ann@example.com"]),
    ],
)
def test_each_kind_of_nonsense_is_read_as_absent(name: str, value: object) -> None:
    assert DeliveryHeaders.parse({f"x-dispatcher-{name}": value}) == DeliveryHeaders()


def test_a_message_without_headers_has_no_past() -> None:
    assert DeliveryHeaders.parse({}) == DeliveryHeaders()
    assert DeliveryHeaders().to_wire() == {"x-dispatcher-attempt": 0}


def test_a_trace_may_come_as_bytes() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert DeliveryHeaders.parse({"traceparent": trace.encode()}).traceparent == trace
    assert DeliveryHeaders.parse({"traceparent": b"\xff" + trace.encode()}).traceparent is None


def test_only_our_own_headers_and_the_trace_are_copied() -> None:
    arrived = {
        "x-death": [{"queue": "email"}],
        "x-custom": "1",
        "x-dispatcher-attempt": 2,
        "traceparent": "00-1-2-01",
    }

    assert DeliveryHeaders.parse(arrived).to_wire() == {
        "x-dispatcher-attempt": 2,
        "traceparent": "00-1-2-01",
    }


def test_the_wire_form_is_the_documented_one() -> None:
    headers = DeliveryHeaders(
        attempt=3,
        reason=FailureReason.RECIPIENT_REFUSED,
        error="550 no\r\nsuch user",
        first_seen=NOON.astimezone(timezone(timedelta(hours=2))),
        failed_at=NOON + timedelta(milliseconds=1500),
        queue="email",
        key="n-1",
        remaining=recipients("ann@example.com", "Lee, Bob <bob@example.com>", "è@example.com"),
        due=NOON,
    )

    assert headers.to_wire() == {
        "x-dispatcher-attempt": 3,
        "x-dispatcher-reason": "recipient_refused",
        "x-dispatcher-error": "550 no such user",
        "x-dispatcher-first-seen": "2026-01-31T12:00:00.000Z",
        "x-dispatcher-failed-at": "2026-01-31T12:00:01.500Z",
        "x-dispatcher-queue": "email",
        "x-dispatcher-key": "n-1",
        "x-dispatcher-remaining": '["ann@example.com","\\"Lee, Bob\\" <bob@example.com>",'
        '"è@example.com"]',
        "x-dispatcher-due": "2026-01-31T12:00:00.000Z",
    }


@given(st.text(max_size=2_000))
def test_an_error_is_one_printable_line_of_at_most_500_characters(text: str) -> None:
    line = short_text(text, MAX_ERROR)

    assert len(line) <= MAX_ERROR
    assert line == "" or line.isprintable()
    line.encode()


def test_an_error_that_was_cut_says_so() -> None:
    assert short_text("x" * 500, MAX_ERROR) == "x" * 500
    assert short_text("x" * 501, MAX_ERROR) == "x" * 499 + "…"


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    time = datetime.fromisoformat("2026-01-31T01:00:00.123456+05:30")

    assert iso(time) == "2026-01-30T19:30:00.123Z"


def test_all_headers_fit_a_frame() -> None:
    addresses = [f"{i:03}{'a' * 49}@example.com" for i in range(500)]
    assert {len(address) for address in addresses} == {64}
    headers = DeliveryHeaders(
        attempt=1_000_000,
        reason=FailureReason.RETRIES_EXHAUSTED,
        error="😀" * 10_000,
        first_seen=NOON,
        failed_at=NOON,
        queue="q" * 255,
        key="k" * 255,
        remaining=recipients(*addresses),
        due=NOON,
        traceparent="t" * 55,
    )

    size = sum(
        len(name) + len(str(value).encode()) + 8 for name, value in headers.to_wire().items()
    )

    assert size < FRAME


def test_how_far_a_try_came_travels_with_the_recipient() -> None:
    ann, bob = recipients("ann@example.com", "bob@example.com")
    headers = DeliveryHeaders(remaining=(replace(ann, resume="2:ab12"), bob))

    wire = headers.to_wire()
    back = DeliveryHeaders.parse(wire).remaining

    assert json.loads(str(wire["x-dispatcher-resume"])) == {"ann@example.com": "2:ab12"}
    assert [r.resume for r in back or ()] == ["2:ab12", ""]


@pytest.mark.parametrize("value", ["[]", "nonsense", '{"ann@example.com": 7}', 7, "[" * 20_000])
def test_nonsense_about_how_far_it_came_means_from_the_beginning(value: object) -> None:
    wire = {**DeliveryHeaders(remaining=recipients("ann@example.com")).to_wire()}

    back = DeliveryHeaders.parse({**wire, "x-dispatcher-resume": value}).remaining

    assert [(str(r), r.resume) for r in back or ()] == [("ann@example.com", "")]


def test_too_much_to_carry_begins_again() -> None:
    many = tuple(
        replace(r, resume="2:" + "a" * 16)
        for r in recipients(*(f"{number}@example.com" for number in range(400)))
    )

    assert "x-dispatcher-resume" not in DeliveryHeaders(remaining=many).to_wire()
