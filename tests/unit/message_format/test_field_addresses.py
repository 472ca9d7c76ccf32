"""One string is one address: several in it would lose recipients in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.outgoing_mail import Composer
from domain.addresses import GIVE_A_LIST, holds_several
from domain.notification import Recipient
from entrypoints.settings.values import parse_alerts
from tests.unit.message_format.reading import faults, read

SEVERAL = [
    "Ada <ada@example.com>, Bob <bob@example.com>",
    "Ada <ada@example.com>; Bob <bob@example.com>",
    "ada@example.com,bob@example.com",
    "ada@example.com; bob@example.com",
    "ada@example.com bob@example.com",
    "ada@example.com\tbob@example.com",
    "ada@example.com,",
    "<ada@example.com>, <bob@example.com>",
    "<ada@example.com><bob@example.com>",
    "team: ada@example.com, bob@example.com;",
    "mailto:ada@example.com,bob@example.com",
    "ada@example.com, Bob <bob@example.com>",
    "ada@example.com Bob <bob@example.com>",
    "Bob <bob@example.com>, ada@example.com",
    "Bob <bob@example.com>;",
    '"Lee, Ada" <ada@example.com>, "Bob" <bob@example.com>',
    'O"Brien <ada@example.com>, D"Arcy <bob@example.com>',
    '"Ada <ada@example.com>, Bob <bob@example.com>',
    '"ada,x"@example.com, bob@example.com',
    "Ada <ada@example.com,bob@example.com>",
    "<ada@example.com; bob@example.com>",
    "Ada <ada@example.com bob@example.com>",
    "ada@example.com|bob@example.com",
    "ada@example.com\u200bbob@example.com",
    "ada@example.com\uff0cbob@example.com",
    "ada@example.com\u3001 bob@example.com",
    "Ada <ada@example.com>\uff1bBob <bob@example.com>",
]
ONE = {
    "Jobs, Steve <ceo@example.com>": ("Jobs, Steve", "ceo@example.com"),
    '"A, B" <x@example.com>': ("A, B", "x@example.com"),
    '"ada@example.com" <ada@example.com>': ("ada@example.com", "ada@example.com"),
    "ada@example.com <ada@example.com>": ("ada@example.com", "ada@example.com"),
    "shop@example.com\u200b <info@example.com>": ("shop@example.com\u200b", "info@example.com"),
    "Ada ada@example.com <Ada@example.com>": ("Ada ada@example.com", "Ada@example.com"),
    '"a@example.com, b@example.com" <c@example.com>': (
        "a@example.com, b@example.com",
        "c@example.com",
    ),
    "\u7530\u4e2d\u3001\u592a\u90ce <info@example.com>": (
        "\u7530\u4e2d\u3001\u592a\u90ce",
        "info@example.com",
    ),
    '"a,b"@example.com': ("", '"a,b"@example.com'),
    "Müller; Söhne <info@example.com>": ("Müller; Söhne", "info@example.com"),
}


@pytest.mark.parametrize("text", SEVERAL)
def test_field_2_1_a_string_with_several_addresses_is_refused_with_the_way_out(text: str) -> None:
    assert faults(to=text) == (f"to: {GIVE_A_LIST}",)
    assert faults("slack", to=text) == (f"to: {GIVE_A_LIST}",)


@pytest.mark.parametrize("text", SEVERAL)
@pytest.mark.parametrize("field", ["cc", "bcc", "from", "reply_to", "envelope_from"])
def test_field_2_2_every_field_with_an_address_is_held_to_it(field: str, text: str) -> None:
    assert faults(**{field: text}) == (f"{field}: {GIVE_A_LIST}",)
    if field not in {"from", "envelope_from"}:
        assert faults(**{field: ["x@example.com", text]}) == (f"{field}: item 1 {GIVE_A_LIST}",)


def test_field_2_2_addresses_on_lines_of_their_own_are_told_to_be_a_list_too() -> None:
    assert faults(to=["ada@example.com\nbob@example.com"]) == (
        f"to: item 0 must not contain LF, and {GIVE_A_LIST}",
    )


@pytest.mark.parametrize(("channel", "text"), [("slack", "#a, #b"), ("telegram", "1;2")])
def test_field_2_2_chats_are_held_to_it_as_well(channel: str, text: str) -> None:
    assert faults(channel, to=text) == (f"to: {GIVE_A_LIST}",)


def test_field_2_2_the_operators_own_addresses_are_held_to_it() -> None:
    for sender, reply_to in ((SEVERAL[0], None), (None, SEVERAL[0])):
        with pytest.raises(ValueError, match=r"DISPATCHER_EMAIL_\w+: holds more than one address"):
            Composer(sender=sender, reply_to=reply_to)
    with pytest.raises(ValueError, match="holds more than one address"):
        parse_alerts("email:ops@example.org; it@example.org")


@pytest.mark.parametrize("text", ONE)
def test_field_2_3_names_with_commas_and_quoted_names_keep_working(text: str) -> None:
    name, address = ONE[text]
    notification = read(to=[text], cc=text, **{"from": text}).notifications[0]

    assert notification.to == (Recipient(name=name, address=address),)
    assert notification.cc == notification.to == (notification.sender,)


def test_field_2_3_a_url_may_hold_what_it_likes() -> None:
    url = "https://user@example.com/a?b=c@d.e,f@g.h"

    assert read("webhook", to=url).notifications[0].to == (Recipient(address=url),)


@given(st.text(st.sampled_from('ab@.,;:<>" \\\t')), st.sampled_from(["a@b.c", "x-y@z.example"]))
def test_a_recipient_written_by_us_is_never_taken_for_several(name: str, address: str) -> None:
    assert not holds_several(str(Recipient(name=name.strip(), address=address)))


@pytest.mark.parametrize(
    "piece", ['"', "@", "a@", "<a@", ' "a', "\\", '\\"', "\u200b ", "a", "a@b,"]
)
def test_a_hostile_address_costs_no_more_than_its_length(piece: str) -> None:
    text = piece * (200_000 // len(piece))

    for tail in ("", "@", '"@', "<a@b>", "x"):
        holds_several(text + tail)


@pytest.mark.parametrize("mark", ["\u200b", "\ufeff", "\u00a0", "\u200e", "\u2060 "])
def test_field_7_10_invisible_characters_around_an_address_are_dropped(mark: str) -> None:
    for text in (f"{mark}ada@example.com{mark}", f"Ada <{mark}ada@example.com{mark}>{mark}"):
        (recipient,) = read(to=text).notifications[0].to
        assert recipient.address == "ada@example.com"
    assert faults(to=mark) == ("to: must not be empty",)
