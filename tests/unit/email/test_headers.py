"""Headers as the standard library's parser reads them back."""

import re
from email.header import decode_header, make_header
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.headers import Mailbox, UnsafeText
from adapters.channels.email.mime import message_id, write
from adapters.channels.shared.attachments import File
from tests.support.mail_reading import (
    a_mail,
    assert_well_formed,
    decoded,
    head_lines,
    header_text,
    nasty_text,
    parsed,
    raw_header,
)


def test_an_empty_subject_is_no_header() -> None:
    assert parsed(write(a_mail(subject=""), eight_bit=False))["Subject"] is None


@given(nasty_text.filter(bool))
def test_any_subject_reads_back_as_given_on_short_lines(subject: str) -> None:
    data = write(a_mail(subject=subject), eight_bit=False)

    assert_well_formed(data)
    assert all(len(line) <= 78 for line in head_lines(data))
    assert all(line.strip() for line in head_lines(data))
    assert decoded(data, "Subject") == subject


@given(header_text.filter(str.isprintable).map(str.strip).filter(bool))
def test_a_printable_subject_reads_back_with_the_modern_parser_too(subject: str) -> None:
    mail = parsed(write(a_mail(subject=subject), eight_bit=False))

    assert mail["Subject"] == subject


@given(st.lists(nasty_text, min_size=1, max_size=5))
def test_any_display_name_reads_back_and_never_changes_who_is_addressed(names: list[str]) -> None:
    boxes = [Mailbox(name, f"user{n}@example.com") for n, name in enumerate(names)]

    data = write(a_mail(sender=boxes[0], to=boxes, cc=boxes[:1], reply_to=boxes), eight_bit=False)

    assert_well_formed(data)
    assert all(len(line) <= 78 for line in head_lines(data))
    for name, expected in (
        ("From", boxes[:1]),
        ("To", boxes),
        ("Cc", boxes[:1]),
        ("Reply-To", boxes),
    ):
        found = getaddresses([raw_header(data, name)])
        assert [address for _, address in found] == [box.address for box in expected]
        shown = [str(make_header(decode_header(text))) for text, _ in found]
        assert shown == [box.name for box in expected]


@pytest.mark.parametrize("length", [1, 300, 301, 5000])
def test_a_sender_of_any_length_reads_back_from_mail_after_mail(length: int) -> None:
    for letter in "abaé":
        box = Mailbox(letter * length, f"{length}@example.com")
        data = write(a_mail(sender=box, reply_to=[box]), eight_bit=False)

        for field in ("From", "Reply-To"):
            [(text, address)] = getaddresses([raw_header(data, field)])
            assert (str(make_header(decode_header(text))), address) == box


def test_a_hundred_and_twenty_recipients_read_back_from_folded_lines() -> None:
    names = ["Zoë, Müller", "O'Neill", 'Al "Bo" C', "李雷", ""]
    boxes = [Mailbox(names[n % 5], f"user{n}@xn--bcher-kva.example") for n in range(120)]

    data = write(a_mail(to=boxes), eight_bit=False)

    assert all(len(line) <= 78 for line in head_lines(data))
    found = parsed(data)["To"].addresses
    assert [(a.display_name, a.addr_spec) for a in found] == [tuple(box) for box in boxes]


@pytest.mark.parametrize("name", ["", "Ann Lee"])
@pytest.mark.parametrize("length", range(60, 79))
def test_an_address_header_has_one_line_exactly_as_long_as_it_fits(name: str, length: int) -> None:
    box = Mailbox(name, "u" * length + "@x.de")
    whole = f"To: {name} <{box.address}>" if name else f"To: {box.address}"

    lines = head_lines(write(a_mail(to=[box]), eight_bit=True))

    assert (whole.encode() in lines) == (len(whole) <= 78)


@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
@pytest.mark.parametrize(
    "field", ["subject", "sender", "to", "cc", "reply_to", "name", "value", "file"]
)
def test_no_line_break_and_no_nul_passes_a_header(field: str, character: str) -> None:
    bad = f"x{character}Bcc: eve@example.com"
    box = (Mailbox(bad, "ann@example.com"),)
    changes: dict[str, dict[str, Any]] = {
        "subject": {"subject": bad},
        "sender": {"sender": Mailbox("", bad)},
        "to": {"to": box},
        "cc": {"cc": box},
        "reply_to": {"reply_to": box},
        "name": {"extra_headers": [(bad, "x")]},
        "value": {"extra_headers": [("X-A", bad)]},
        "file": {"files": [File(filename=bad, content_type="a/b", content=b"")]},
    }

    with pytest.raises(UnsafeText):
        write(a_mail(**changes[field]), eight_bit=True)


def test_a_lone_surrogate_in_a_header_is_refused() -> None:
    with pytest.raises(UnsafeText):
        write(a_mail(subject="\udcff"), eight_bit=True)


def test_extra_headers_keep_their_words_and_fold_between_them() -> None:
    references = " ".join(f"<{n:040d}@example.com>" for n in range(20))
    url = "<https://example.com/" + "u" * 300 + ">"

    data = write(
        a_mail(extra_headers=[("References", references), ("List-Unsubscribe", url)]),
        eight_bit=True,
    )

    assert raw_header(data, "References") == references
    assert raw_header(data, "List-Unsubscribe").strip() == url


def test_a_header_word_that_fits_no_line_is_refused() -> None:
    with pytest.raises(UnsafeText, match="X-Long"):
        write(a_mail(extra_headers=[("X-Long", "y" * 2000)]), eight_bit=True)


def test_a_mail_whose_recipients_cannot_be_shown_still_has_a_to_header() -> None:
    assert parsed(write(a_mail(to=()), eight_bit=True))["To"] == "undisclosed-recipients:;"


def test_a_raw_utf8_address_stays_readable() -> None:
    data = write(a_mail(to=(Mailbox("Jürgen", "jürgen@example.com"),)), eight_bit=True)

    assert "<jürgen@example.com>".encode() in data


@given(st.text(), st.from_regex(r"[a-z]{1,60}(\.[a-z]{1,60}){0,3}", fullmatch=True))
def test_a_message_id_is_short_and_stable(key: str, domain: str) -> None:
    first, second = message_id(key, domain), message_id(key, domain)

    assert first == second
    assert len(first) < 70
    assert re.fullmatch(r"<[0-9a-f]{24}@[a-z.]+>", first)
    assert first != message_id(key + "x", domain)
