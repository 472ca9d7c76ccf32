"""Which addresses are one and the same to the list of suppressions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels import CHANNELS
from adapters.channels.email.headers import parse_address
from adapters.suppressions.lines import SuppressionLines
from domain.suppressions import Suppression
from entrypoints.suppressing import canonical_address

LOCAL = st.text(
    "aZ0._-%e\u0130\u03a3\u00df\u212a\u01c5J\u030c\u0323\u0307\u0301", min_size=1, max_size=70
)
"""Among them letters whose small form is longer, composes, or depends on what stands around it."""
DOMAINS = st.sampled_from(("example.com", "B\u00fccher.example"))
HOSTS = ("h.example", "H.example.:443", "b\u00fccher.example", "xn--bcher-kva.example")
PATHS = st.text("/.%2eE5fF?#&=~a\u00e9:@", max_size=20)
ADDRESSES = {
    "email": st.builds("{}@{}".format, LOCAL, DOMAINS) | st.emails(),
    "telegram": st.from_regex(r"-?[0-9]{1,17}|@[A-Za-z][A-Za-z0-9_]{2,32}", fullmatch=True),
    "slack": LOCAL.map("#{}".format)
    | LOCAL.map("{}@example.com".format)
    | st.from_regex(r"[CDGUWcu][A-Za-z0-9]{5,20}", fullmatch=True),
    "webhook": st.builds(
        "{}://{}{}".format,
        st.sampled_from(("https", "HTTP")),
        st.sampled_from(HOSTS),
        PATHS.map(lambda path: f"/{path}" if path else ""),
    ),
    "apprise": LOCAL,
}


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        ("email", "Ann@Example.COM", "ann@example.com"),
        ("email", "ann@bücher.example", "ANN@xn--bcher-kva.EXAMPLE"),
        ("email", "é@example.com", "É@example.com"),
        ("telegram", "@TheShop", "@theshop"),
        ("slack", "#Orders", "#orders"),
        ("slack", "Ann@Example.com", "ann@example.com"),
        ("webhook", "https://Hooks.example.org/a", "https://hooks.example.org:443/a"),
        ("webhook", "https://hooks.example.org./a#b", "https://hooks.example.org/a"),
        ("webhook", "https://hooks.example.org/%7ea?b=%2f", "https://hooks.example.org/~a?b=%2F"),
        ("webhook", "https://hooks.example.org/a/%2e%2E/b", "https://hooks.example.org/b"),
        ("webhook", "https://hooks.example.org", "https://hooks.example.org/"),
        ("email", "J\u030c@example.com", "\u01f0@example.com"),
        ("apprise", "OPS", "ops"),
    ],
)
def test_two_spellings_of_one_address_are_the_same(channel: str, one: str, other: str) -> None:
    assert canonical_address(channel, one) == canonical_address(channel, other)


@given(
    st.from_regex(r"[a-z0-9._+-]{1,70}@[a-z0-9.-]{1,80}", fullmatch=True)
    | st.emails().map(str.lower)
)
def test_what_is_seen_at_one_glance_is_what_the_whole_check_says(address: str) -> None:
    try:
        expected = parse_address(address).wire.lower()
    except ValueError:
        return  # a list may have it: no mail is sent to it anyway

    assert canonical_address("email", address) == expected


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        ("email", "ann@example.com", "an.n@example.com"),
        ("telegram", "42", "-42"),
        ("webhook", "https://hooks.example.org/a", "https://hooks.example.org/A"),
        ("webhook", "https://hooks.example.org/a", "https://hooks.example.org:8443/a"),
        ("webhook", "https://hooks.example.org/a/b", "https://hooks.example.org/a%2Fb"),
    ],
)
def test_two_addresses_stay_two(channel: str, one: str, other: str) -> None:
    assert canonical_address(channel, one) != canonical_address(channel, other)


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("email", "ann"),
        ("telegram", "ann"),
        ("fax", "1"),
        ("slack", "two words"),
        ("slack", "old-orders"),
        ("apprise", ""),
        ("email", "a" * 63 + "\u0130@example.com"),
        ("slack", "#" + "\u0130" * 80),
    ],
)
def test_what_is_no_address_of_the_channel_is_refused(channel: str, address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_address(channel, address)


@pytest.mark.parametrize("name", CHANNELS)
def test_what_is_canonical_stays_as_it_is(name: str) -> None:
    examples = {
        "email": "ann@example.com",
        "telegram": "-100123",
        "slack": "C0123ABCD",
        "webhook": "https://hooks.example.org/A?b=C",
        "apprise": "ops",
    }

    assert canonical_address(name, examples[name]) == examples[name]


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("email", "J\u030c@example.com"),
        ("webhook", "https://hooks.example.org/a/%2e%2e/b"),
    ],
)
def test_a_channel_s_own_form_stays_as_it_is(channel: str, address: str) -> None:
    form = CHANNELS[channel].canonical(address)

    assert CHANNELS[channel].canonical(form) == form


@pytest.mark.parametrize("channel", CHANNELS)
@given(data=st.data())
def test_the_form_in_which_an_address_is_compared_is_read_back_from_the_list(
    channel: str, data: st.DataObject
) -> None:
    try:
        form = canonical_address(channel, data.draw(ADDRESSES[channel]))
    except ValueError:
        return  # it gets on no list

    assert canonical_address(channel, form) == form
    SuppressionLines(canonical_address, "email").check(Suppression(channel=channel, address=form))
