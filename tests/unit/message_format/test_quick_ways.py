"""What is usual passes by a quick way. The quick and the careful way must agree."""

import math
from bisect import bisect_right

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from adapters.message_format.body import loads_object
from adapters.message_format.headers import MAX_REMAINING, remaining_to_wire
from domain.addresses import BLANK, SIMPLE, holds_several
from domain.errors import MalformedMessage
from domain.notification import (
    InvalidNotification,
    Recipient,
    header_fault,
    locale_fault,
    template_name_fault,
)
from tests.fakes import a_notification
from tests.unit.message_format.reading import read

pieces = st.sampled_from(
    [*"<>@,;:.\"'\\ \t\r\n\0\x1c\u200b\u00ad\u3000\uff0c\u3001", "://", "Ann", "Lee", "a@b.de"]
)
texts = st.lists(pieces | st.characters(blacklist_categories=["Cs"]), max_size=6).map("".join)
addresses = (
    st.sampled_from(
        ["ann@example.com", "o'neil+x@a-b.de", "zoë@exämple.de", "a,b@c.de", "a@b;c.de", "a@b@c.de"]
    )
    | texts
)
near_simple = st.builds(
    lambda name, space, address: f"{name}{space}<{address}>",
    st.sampled_from(
        ["Ann Lee", "Müller; Söhne", "Lee, Ann", "田中、太郎", "Ann\u200b", "Ann\rLee", "a@b.de"]
    )
    | texts,
    st.sampled_from(["", " ", "\t ", "\u00a0", "\u200b"]),
    addresses,
)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(text=near_simple | addresses, channel=st.sampled_from(["email", "telegram", "slack"]))
def test_a_simple_address_is_read_as_the_careful_way_reads_it(text: str, channel: str) -> None:
    assume(SIMPLE.fullmatch(text))

    assert not holds_several(text)
    assert read(channel, to=text).notifications[0].to == (Recipient.parse(text),)


@given(text=near_simple | texts)
def test_an_address_is_accepted_exactly_where_the_careful_way_accepts_it(text: str) -> None:
    try:
        careful = None if holds_several(text) else Recipient.parse(text)
    except InvalidNotification:
        careful = None
    try:
        quick = read(to=text).notifications[0].to[0]
    except MalformedMessage:
        quick = None

    assert quick == careful


def test_no_blank_character_can_begin_or_end_a_simple_address() -> None:
    for blank in BLANK:
        assert not SIMPLE.fullmatch(f"{blank}a@b.de")
        assert not SIMPLE.fullmatch(f"a@b.de{blank}")
        assert not SIMPLE.fullmatch(f"{blank}Ann <a@b.de>")
        assert not SIMPLE.fullmatch(f"Ann <a@b.de{blank}>")


one_line = st.text('ab"\r\n\0 é', max_size=4)


@given(
    key=one_line,
    subject=st.none() | one_line,
    template=st.sampled_from(["welcome", "a/b.c"]) | st.text("a/._\n", max_size=5),
    locale=st.none() | st.sampled_from(["it", "it-IT", "it_", ""]),
)
@example(key="a\n", subject=None, template="welcome", locale=None)
@example(key="a", subject="a\r", template="welcome", locale=None)
@example(key="a", subject="a", template="welcome", locale="it_")
@example(key="a", subject=None, template="a" * 201, locale=None)
@example(key="a", subject=None, template="welcome\n", locale=None)
def test_a_notification_is_built_exactly_where_no_field_has_a_fault(
    key: str, subject: str | None, template: str, locale: str | None
) -> None:
    faults = {
        "id": header_fault(key) if key else "must not be empty",
        "template": template_name_fault(template),
        "subject": header_fault(subject or ""),
        "locale": None if locale is None else locale_fault(locale),
    }
    expected = "; ".join(f"{name}: {fault}" for name, fault in faults.items() if fault)
    found = ""
    try:
        a_notification(id=key, subject=subject, template=template, locale=locale)
    except InvalidNotification as error:
        found = str(error)

    assert found == expected


@pytest.mark.parametrize("character", ["a", "ü", "😀", '"', "\\", "\x01"])
@pytest.mark.parametrize("count", [8, 250])
def test_the_limit_of_all_addresses_is_that_of_their_header(character: str, count: int) -> None:
    def named(length: int) -> list[Recipient]:
        return [Recipient(address=f"u{i}@b.de", name=character * length) for i in range(count)]

    def size(length: int) -> int:
        return len(remaining_to_wire(named(length)).encode())

    longest = bisect_right(range(MAX_REMAINING // count), MAX_REMAINING, key=size) - 1

    assert len(read(to=[str(one) for one in named(longest)]).notifications[0].to) == count
    with pytest.raises(MalformedMessage, match="bytes of addresses in to, cc and bcc"):
        read(to=[str(one) for one in named(longest + 1)])


@given(
    sign=st.sampled_from(["", "-"]),
    digits=st.sampled_from(["1", "1.7976931348623157", "1.7976931348623159", "0"]),
    exponent=st.sampled_from([0, 307, 308, 309, 400, -400]),
)
def test_a_number_is_refused_exactly_where_it_is_infinite(
    sign: str, digits: str, exponent: int
) -> None:
    number = f"{sign}{digits}e{exponent}"
    body = f'{{"a":{number}}}'.encode()

    if math.isinf(float(number)):
        with pytest.raises(MalformedMessage, match="is out of range"):
            loads_object(body)
    else:
        assert loads_object(body) == {"a": float(number)}
