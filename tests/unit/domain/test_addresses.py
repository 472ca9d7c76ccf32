"""How many addresses a text holds, as people write them."""

import pytest

from domain.addresses import BLANK, SIMPLE, holds_several

ONE = [
    "",
    "ann",
    "Ann, Bob and Cy",
    "ann@example.com",
    "Ann <ann@example.com>",
    "Jobs, Steve <steve@example.com>",
    '"ann@example.com, bob@example.com" <cy@example.com>',
    '"a \\" b@c.d" <cy@example.com>',
    "shop@example.com <noreply@example.com>",
    "ann@example.com <ann@example.com>",
    "Ann@Example.com <ann@example.com>",
    "ann@example.com <Ann@example.com>",
    'O"Brien <ann@example.com>',
    "slack://token@team/channel,other@x",
    "mailto+x.y-z://a@b,c@d",
    "@everyone",
    "Ann ann@example.com <Ann@Example.com>",
    "Ann Ann@Example.com <ann@example.com>",
    "mailto:ann@example.com",
    "tel@ fax@",
    "tel@, fax",
    "田中、太郎 <ann@example.com>",
]
SEVERAL = [
    "ann@example.com, bob@example.com",
    "ann@example.com;bob@example.com",
    "ann@example.com bob@example.com",
    "ann@example.com\nbob@example.com",
    "ann@example.com,",
    ",ann@example.com",
    "ann@example.com\uff0c",
    "ann@example.com\u3001bob@example.com",
    "ann@example.com\uff1b",
    "Ann <ann@example.com>, Bob <bob@example.com>",
    "Ann <ann@example.com>,",
    "Ann <ann@example.com>; Bob",
    "Ann <ann@example.com> bob@example.com",
    "bob@example.com, Ann <ann@example.com>",
    "bob@example.com cy@example.com <ann@example.com>",
    "ann@example.com <bob@example.com> ann@example.com",
    "To: bob@example.com <ann@example.com>",
    "Ann <ann@example.com> Ann <ann@example.com>",
    "X@X bob@example.com",
    '"Ann" <ann@example.com>, "Bob" <bob@example.com>',
]


@pytest.mark.parametrize("text", ONE)
def test_a_text_of_one_address_holds_one(text: str) -> None:
    assert not holds_several(text)


@pytest.mark.parametrize("text", SEVERAL)
def test_a_text_of_several_addresses_is_found_out(text: str) -> None:
    assert holds_several(text)


@pytest.mark.parametrize("text", SEVERAL)
def test_no_text_of_several_is_taken_for_a_simple_address(text: str) -> None:
    assert not SIMPLE.fullmatch(text)


def test_what_a_copied_address_brings_along_is_dropped() -> None:
    around = "\u200b\u2060 \t\n\ufeff\u00ad\u202a\u202e\u2066\u2069\u3000\u00a0"

    assert (around + "a b" + around).strip(BLANK) == "a b"
