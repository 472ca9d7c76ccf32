"""What the MIME writer writes, read back by the standard library's parser."""

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.notifiers.email.headers import Mailbox, UnsafeText
from adapters.notifiers.email.mime import File, Mail, message_id, write

SENDER = Mailbox("Shop", "shop@example.com")
ANN = Mailbox("Ann", "ann@example.com")

# Everything that UTF-8 can carry and a header may hold.
header_text = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\0"), max_size=600
)
nasty_text = st.one_of(
    header_text,
    st.text('a b"\\,;:<>@()[].=?_é\t', max_size=200),
    st.text(" ", max_size=100),
    st.text("ab ", min_size=400, max_size=600),
    st.sampled_from(["=?utf-8?b?eA==?=", "x" * 500, "é" * 500, "🎉" * 300, "a  b " * 100]),
)
body_text = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=2000),
    st.text("a =.\t\r\né", max_size=500),
    st.sampled_from(
        [".", ".\r\n.", "trailing \n space\t\n", "x" * 5000, "é" * 3000, "\n\n", "a\rb"]
    ),
)


def a_mail(**changes: object) -> Mail:
    values: dict[str, object] = {
        "sender": SENDER,
        "to": (ANN,),
        "subject": "Hello",
        "date": 1_700_000_000.0,
        "message_id": message_id("n-1", "example.com"),
        "template": "welcome@abc",
        "text": "Hi.\n",
    }
    return Mail(**{**values, **changes})


def parsed(data: bytes) -> EmailMessage:
    mail = message_from_bytes(data, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert [part.defects for part in mail.walk() if part.defects] == []
    return mail


def raw_header(data: bytes, name: str) -> str:
    """A header unfolded but not decoded; the default policy's own unfolding of 3.11 eats spaces."""
    value = message_from_bytes(data, policy=policy.compat32)[name]
    return re.sub(r"\r?\n(?=[ \t])", "", value)


def decoded(data: bytes, name: str) -> str:
    """By `email.header`: the default policy of Python 3.11 drops or adds spaces next to encoded
    words, and loses controls, that RFC 2047 keeps."""
    return str(make_header(decode_header(raw_header(data, name))))


def assert_well_formed(data: bytes) -> None:
    assert data.endswith(b"\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\0" not in data
    assert max(len(line) for line in data.split(b"\r\n")) <= 998


def head_lines(data: bytes) -> list[bytes]:
    return data.partition(b"\r\n\r\n")[0].split(b"\r\n")


def lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(nasty_text)
def test_any_subject_reads_back_as_given_on_short_lines(subject: str) -> None:
    data = write(a_mail(subject=subject), eight_bit=False)

    assert_well_formed(data)
    assert all(len(line) <= 78 for line in head_lines(data))
    assert all(line.strip() for line in head_lines(data))
    assert decoded(data, "Subject") == subject


@given(header_text.filter(str.isprintable).map(str.strip))
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


def test_a_hundred_and_twenty_recipients_read_back_from_folded_lines() -> None:
    names = ["Zoë, Müller", "O'Neill", 'Al "Bo" C', "李雷", ""]
    boxes = [Mailbox(names[n % 5], f"user{n}@xn--bcher-kva.example") for n in range(120)]

    data = write(a_mail(to=boxes), eight_bit=False)

    assert all(len(line) <= 78 for line in head_lines(data))
    found = parsed(data)["To"].addresses
    assert [(a.display_name, a.addr_spec) for a in found] == [tuple(box) for box in boxes]


@given(body_text, st.one_of(st.none(), body_text), st.booleans())
def test_any_body_reads_back_line_by_line(text: str, html: str | None, eight_bit: bool) -> None:
    data = write(a_mail(text=text, html=html), eight_bit=eight_bit)

    assert_well_formed(data)
    assert eight_bit or data.isascii()
    mail = parsed(data)
    parts = list(mail.iter_parts()) if html is not None else [mail]
    found = [part.get_payload(decode=True).decode().replace("\r\n", "\n") for part in parts]
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
    body, *found = mail.get_payload()
    assert body.get_content_type() == "multipart/alternative"
    assert [part.get_payload(decode=True) for part in found] == [content for _, content in files]
    # The parser itself strips what it found.
    assert [part.get_filename() for part in found] == [name.strip() for name, _ in files]


@pytest.mark.parametrize("name", ["Rechnung März 2026.pdf", "a.pdf", 'we"ird;name.pdf', "長" * 80])
def test_file_names_read_back_with_the_modern_parser(name: str) -> None:
    file = File(filename=name, content_type="application/pdf", content=b"x")

    (attachment,) = parsed(write(a_mail(files=[file]), eight_bit=False)).iter_attachments()

    assert attachment.get_filename() == name


@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
@pytest.mark.parametrize(
    "field", ["subject", "sender", "to", "cc", "reply_to", "name", "value", "file"]
)
def test_no_line_break_and_no_nul_passes_a_header(field: str, character: str) -> None:
    bad = f"x{character}Bcc: eve@example.com"
    box = (Mailbox(bad, "ann@example.com"),)
    changes: dict[str, object] = {
        "subject": {"subject": bad},
        "sender": {"sender": Mailbox("", bad)},
        "to": {"to": box},
        "cc": {"cc": box},
        "reply_to": {"reply_to": box},
        "name": {"extra_headers": [(bad, "x")]},
        "value": {"extra_headers": [("X-A", bad)]},
        "file": {"files": [File(filename=bad, content_type="a/b", content=b"")]},
    }[field]

    with pytest.raises(UnsafeText):
        write(a_mail(**changes), eight_bit=True)


@pytest.mark.parametrize("content_type", ["nonsense", "a/b\r\nX: y", "text/é", "a/b; c", ""])
def test_a_content_type_that_is_none_is_refused(content_type: str) -> None:
    file = File(filename="a", content_type=content_type, content=b"")

    with pytest.raises(UnsafeText, match="content type"):
        write(a_mail(files=[file]), eight_bit=True)


@pytest.mark.parametrize("part", ["a\0b", "lone \ud800"])
@pytest.mark.parametrize("field", ["text", "html"])
def test_a_body_no_mail_can_carry_is_refused(part: str, field: str) -> None:
    with pytest.raises(UnsafeText):
        write(a_mail(**{field: part}), eight_bit=True)


def test_a_lone_surrogate_in_a_header_is_refused() -> None:
    with pytest.raises(UnsafeText):
        write(a_mail(subject="\udcff"), eight_bit=True)


@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_body_cannot_forge_a_part_boundary(eight_bit: bool) -> None:
    boundary = parsed(write(a_mail(html="x"), eight_bit=True)).get_boundary()
    forged = f"é\n--{boundary}\nContent-Type: text/html\n\nforged\n--{boundary}--\n"

    mail = parsed(write(a_mail(text=forged, html="x"), eight_bit=eight_bit))

    first, second = mail.iter_parts()
    assert first.get_content().replace("\r\n", "\n") == forged
    assert second.get_content() == "x"


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


def test_a_mail_says_what_made_it_and_that_it_is_automatic() -> None:
    mail = parsed(write(a_mail(), eight_bit=True))

    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Dispatcher-Template"] == "welcome@abc"
    assert mail["MIME-Version"] == "1.0"
    assert mail["Date"].datetime.timestamp() == 1_700_000_000


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


def test_an_attached_mail_is_carried_as_bytes() -> None:
    file = File(filename="a.eml", content_type="message/rfc822", content=b"Subject: x\n\ny")

    (attachment,) = parsed(write(a_mail(files=[file]), eight_bit=True)).iter_attachments()

    assert attachment.get_content_type() == "application/octet-stream"
    assert attachment.get_content() == b"Subject: x\n\ny"
