"""The lines of a file of suppressions, as people write them."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.suppressions.lines import LinesBroken, SuppressionLines, to_line
from domain.suppressions import Suppression
from entrypoints.suppressing import canonical_address

LINES = SuppressionLines(canonical_address, "email")
ANN = "ann@example.com"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ann@example.com", ("email", ANN, "", None)),
        ("  Ann@EXAMPLE.com\t", ("email", ANN, "", None)),
        ("email:ann@example.com", ("email", ANN, "", None)),
        ("ann@example.com asked by phone", ("email", ANN, "asked by phone", None)),
        ("ann@example.com 2026-01-31", ("email", ANN, "", date(2026, 1, 31))),
        (
            "email:ann@example.com 2026-01-31 550 5.1.1 no such user",
            ("email", ANN, "550 5.1.1 no such user", date(2026, 1, 31)),
        ),
        ("ann@example.com 2026-01-31T08:00:00Z gone", ("email", ANN, "gone", date(2026, 1, 31))),
        ("ann@example.com  # asked by phone", ("email", ANN, "asked by phone", None)),
        ("telegram:-100123 left", ("telegram", "-100123", "left", None)),
        ("telegram:@TheShop", ("telegram", "@theshop", "", None)),
        ("slack:#Orders", ("slack", "#orders", "", None)),
        ("slack:U0123ABCD", ("slack", "U0123ABCD", "", None)),
        (
            "webhook:HTTPS://Hooks.example.org:443/A?b=c gone",
            ("webhook", "https://hooks.example.org/A?b=c", "gone", None),
        ),
        ('"a b"@example.org blanks', ("email", '"a b"@example.org', "blanks", None)),
        ("ann@bücher.example", ("email", "ann@xn--bcher-kva.example", "", None)),
        ("ann@XN--BCHER-KVA.example", ("email", "ann@xn--bcher-kva.example", "", None)),
    ],
)
def test_a_line_is_read_as_it_is_meant(
    line: str, expected: tuple[str, str, str, date | None]
) -> None:
    entry = LINES.entry(line)

    assert entry is not None
    assert (entry.channel, entry.address, entry.reason, entry.since) == expected


@pytest.mark.parametrize("line", ["", "   ", "# ann@example.com", "  # asked by phone"])
def test_a_comment_and_an_empty_line_are_no_entries(line: str) -> None:
    assert LINES.entry(line) is None


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("ann", "is not an address"),
        ("fax:123", "unknown channel 'fax'"),
        ("https://hooks.example.org/", "unknown channel 'https'"),
        ("telegram:ann@example.com", "neither a chat id"),
        ("ann@example.com 2026-13-31", "is no date"),
        ('"ann@example.com', "must be an address"),
        ("webhook:https://user:s3cret@hooks.example.org/", "must hold no password"),
    ],
)
def test_a_bad_line_says_what_is_wrong(line: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as broken:
        LINES.entry(line)

    assert "s3cret" not in str(broken.value)


def test_every_bad_line_is_named_by_its_number() -> None:
    with pytest.raises(LinesBroken) as broken:
        LINES.read(b"# a head\nann@example.com\nann\n\nfax:1\n")

    assert [fault.partition(":")[0] for fault in broken.value.faults] == ["line 3", "line 5"]


def test_of_a_file_that_is_no_list_the_first_faults_are_named_and_the_others_counted() -> None:
    with pytest.raises(LinesBroken) as broken:
        LINES.read(b"name;town\n" * 50_000)

    assert len(broken.value.faults) == 11
    assert broken.value.faults[-1] == "and 49990 more lines"
    assert len(str(broken.value)) < 2000


def test_of_two_lines_for_one_address_the_first_counts() -> None:
    found = LINES.read(b"ann@example.com first\nANN@example.com second\n")

    assert [entry.reason for entry in found.values()] == ["first"]


@given(
    address=st.sampled_from([ANN, '"a b"@example.org', "ann@xn--bcher-kva.example", "o'b+x@e.org"]),
    reason=st.text(max_size=80),
    since=st.none() | st.dates(),
)
@example(address=ANN, reason="2026-01-31", since=None)
@example(address=ANN, reason="# why", since=None)
def test_what_is_written_is_read_back(address: str, reason: str, since: date | None) -> None:
    entry = Suppression(channel="email", address=address, reason=reason, since=since)

    line = to_line(entry)

    found = LINES.entry(line)
    assert "\n" not in line
    assert found is not None
    assert (found.channel, found.address) == ("email", address)
    if since is not None:
        assert found.since == since
