"""What the MIME writer writes, read back by the standard library's parser."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.headers import UnsafeText
from adapters.channels.email.mime import write
from adapters.channels.shared.attachments import File
from tests.support.mail_reading import (
    a_mail,
    assert_well_formed,
    body_text,
    header_text,
    lines_of,
    parsed,
    parts_of,
    text_of,
)


@given(body_text, st.one_of(st.none(), body_text), st.booleans())
def test_any_body_reads_back_line_by_line(text: str, html: str | None, eight_bit: bool) -> None:
    data = write(a_mail(text=text, html=html), eight_bit=eight_bit)

    assert_well_formed(data)
    assert eight_bit or data.isascii()
    mail = parsed(data)
    parts = list(mail.iter_parts()) if html is not None else [mail]
    found = [text_of(part).replace("\r\n", "\n") for part in parts]
    if html is None:  # a mail ends with a line end, whether its text does or not
        expected = lines_of(text)
        assert found[0] in {expected, expected + "\n"}
    else:
        assert found == [lines_of(text), lines_of(html)]
        assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]


def test_a_megabyte_of_html_reads_back() -> None:
    html = "<p>Größe &amp; Maß — 100 % ✓</p>\n" * 30_000

    for eight_bit in (True, False):
        mail = parsed(write(a_mail(html=html), eight_bit=eight_bit))
        part = mail.get_body(preferencelist=("html",))
        assert part is not None
        assert part.get_content().replace("\r\n", "\n") == html


@given(
    st.lists(st.tuples(header_text.filter(bool), st.binary(max_size=300)), min_size=1, max_size=3)
)
def test_attachments_read_back_byte_by_byte_under_their_names(
    files: list[tuple[str, bytes]],
) -> None:
    data = write(
        a_mail(
            html="<p>Hi</p>",
            files=[
                File(filename=name, content_type="application/pdf", content=content)
                for name, content in files
            ],
        ),
        eight_bit=False,
    )

    assert_well_formed(data)
    # compat32: the modern policy of 3.11 sanitises some characters of file names.
    mail = message_from_bytes(data, policy=policy.compat32)
    body, *found = parts_of(mail)
    assert body.get_content_type() == "multipart/alternative"
    assert [part.get_payload(decode=True) for part in found] == [content for _, content in files]
    # The parser itself strips what it found.
    assert [part.get_filename() for part in found] == [name.strip() for name, _ in files]


@pytest.mark.parametrize("name", ["Rechnung März 2026.pdf", "a.pdf", 'we"ird;name.pdf', "長" * 80])
def test_file_names_read_back_with_the_modern_parser(name: str) -> None:
    file = File(filename=name, content_type="application/pdf", content=b"x")

    (attachment,) = parsed(write(a_mail(files=[file]), eight_bit=False)).iter_attachments()

    assert attachment.get_filename() == name


@pytest.mark.parametrize("content_type", ["nonsense", "a/b\r\nX: y", "text/é", "a/b; c", ""])
def test_a_content_type_that_is_none_is_refused(content_type: str) -> None:
    file = File(filename="a", content_type=content_type, content=b"")

    with pytest.raises(UnsafeText, match="content_type"):
        write(a_mail(files=[file]), eight_bit=True)


@pytest.mark.parametrize("part", ["a\0b", "lone \ud800"])
@pytest.mark.parametrize("field", ["text", "html"])
def test_a_body_no_mail_can_carry_is_refused(part: str, field: str) -> None:
    with pytest.raises(UnsafeText):
        write(a_mail(**{field: part}), eight_bit=True)


@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_body_cannot_forge_a_part_boundary(eight_bit: bool) -> None:
    boundary = parsed(write(a_mail(html="x"), eight_bit=True)).get_boundary()
    forged = f"é\n--{boundary}\nContent-Type: text/html\n\nforged\n--{boundary}--\n"

    mail = parsed(write(a_mail(text=forged, html="x"), eight_bit=eight_bit))

    first, second = mail.iter_parts()
    assert first.get_content().replace("\r\n", "\n") == forged
    assert second.get_content() == "x"


def test_a_mail_says_what_made_it_and_that_it_is_automatic() -> None:
    mail = parsed(write(a_mail(), eight_bit=True))

    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Dispatcher-Template"] == "welcome@abc"
    assert mail["MIME-Version"] == "1.0"
    assert mail["Date"].datetime.timestamp() == 1_700_000_000


def test_an_attached_mail_is_carried_as_bytes() -> None:
    file = File(filename="a.eml", content_type="message/rfc822", content=b"Subject: x\n\ny")

    (attachment,) = parsed(write(a_mail(files=[file]), eight_bit=True)).iter_attachments()

    assert attachment.get_content_type() == "application/octet-stream"
    assert attachment.get_content() == b"Subject: x\n\ny"
