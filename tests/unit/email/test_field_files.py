"""Files in a mail, read back by the standard library's parser."""

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.email.headers import UnsafeText
from adapters.channels.email.mime import write
from adapters.channels.shared.attachments import File
from domain.media_type import MediaType
from tests.support.mail_reading import (
    a_mail,
    assert_well_formed,
    body_text,
    header_text,
    parsed,
    parts_of,
    text_of,
)
from tests.unit.message_format.reading import faults, read

LOGO = File(filename="logo.png", content_type="image/png", content=b"\x89PNG", content_id="logo")
PDF = File(filename="a.pdf", content_type="application/pdf", content=b"%PDF")
MEETING = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Café\r\nEND:VCALENDAR\r\n"
INVITE = File(
    filename="invite.ics",
    content_type="text/calendar; method=REQUEST",
    content=MEETING.encode(),
)


def the_file(**changes: Any) -> tuple[bytes, Message]:
    """The head of a mail's only file in bytes, and the file as the lenient parser reads it."""
    values: dict[str, Any] = {"filename": "a.pdf", "content_type": "a/b", "content": b"x"}
    file = File(**{**values, **changes})
    data = write(a_mail(files=[file]), eight_bit=True)
    assert_well_formed(data)
    parsed(data)
    _, part = parts_of(message_from_bytes(data, policy=policy.compat32))
    return part.as_bytes().partition(b"\n\n")[0], part


def shape(part: Message) -> object:
    """Nested types, such as {"multipart/mixed": ["text/plain", "image/png"]}."""
    if part.is_multipart():
        return {part.get_content_type(): [shape(one) for one in parts_of(part)]}
    return part.get_content_type()


def test_field_6_1_a_name_outside_ascii_is_written_in_ascii_for_new_and_old_clients() -> None:
    name = "Rechnung Müller.pdf"
    head, part = the_file(filename=name, content_type=f'application/pdf; name="{name}"')

    assert head.isascii()
    assert part.get_content_type() == "application/pdf"
    assert part.get_filename() == name
    assert str(make_header(decode_header(str(part.get_param("name"))))) == name
    assert b"filename*=utf-8''Rechnung%20M%C3%BCller.pdf" in head


def test_field_6_1_every_attachment_has_a_name_for_old_clients() -> None:
    head, part = the_file(content_type="text/csv; charset=iso-8859-1; header=present")

    assert part.get_param("name") == part.get_filename() == "a.pdf"
    assert part.get_content_charset() == "iso-8859-1"
    assert part.get_param("header") == "present"
    assert b"*=" not in head


names = header_text.filter(bool)
parameter_names = st.text("abcXYZ-_.", min_size=1, max_size=10).filter(
    lambda text: text.lower() not in {"name", "charset"}
)


@given(names, parameter_names, header_text.filter(lambda text: len(text) < 200))
def test_field_6_1_no_parameter_breaks_out_of_its_header(
    filename: str, name: str, value: str
) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    content_type = f'application/pdf; {name}="{quoted}"'
    try:
        known = MediaType.parse(content_type)
    except ValueError:
        return  # controls

    assert known.parameters == {name.lower(): value}
    head, part = the_file(filename=filename, content_type=content_type)
    assert head.isascii()
    assert {key.lower() for key in part.keys()} == {  # noqa: SIM118 - a Message, no mapping
        *("content-type", "content-transfer-encoding", "content-disposition"),
    }
    assert part.get_payload(decode=True) == b"x"


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("application/pdf;", "application/pdf", {}),
        ("Text/Calendar;method=REQUEST;charset=UTF-8", "text/calendar", {
            "method": "REQUEST", "charset": "UTF-8",
        }),
        ("a/b; name=Rechnung Müller.pdf", "a/b", {"name": "Rechnung Müller.pdf"}),
        ("a/b; name*=utf-8''M%C3%BCller.pdf", "a/b", {"name": "Müller.pdf"}),
        (r'a/b; name="a\"b\\c"', "a/b", {"name": 'a"b\\c'}),
    ],
)  # fmt: skip
def test_field_6_1_media_types_are_read_as_producers_write_them(
    text: str, name: str, parameters: dict[str, str]
) -> None:
    media = MediaType.parse(text)

    assert media.name == name
    assert media.parameters == parameters
    assert read(attachments=[{"filename": "a", "content": "", "content_type": text}])


@pytest.mark.parametrize(
    "text",
    ["pdf", "a/b\r\nX: y", 'a/b; c="x\r\nBcc: y"', "a/b; c", "a/b; c*=utf-8''%0d%0aX", "/", ""],
)  # fmt: skip
def test_field_6_1_what_is_no_media_type_is_malformed_with_the_field_named(text: str) -> None:
    (fault,) = faults(attachments=[{"filename": "a", "content": "", "content_type": text}])

    assert fault.startswith("attachments[0].content_type: ")
    with pytest.raises(UnsafeText, match="content_type"):
        the_file(content_type=text)


def test_field_6_3_a_file_with_a_content_id_is_shown_inside_the_html() -> None:
    html = '<img src="cid:logo">'
    data = write(a_mail(text="Hi", html=html, files=[LOGO, PDF]), eight_bit=True)

    assert_well_formed(data)
    mail = parsed(data)
    assert shape(mail) == {
        "multipart/mixed": [
            {
                "multipart/alternative": [
                    "text/plain",
                    {"multipart/related": ["text/html", "image/png"]},
                ]
            },
            "application/pdf",
        ]
    }  # fmt: skip
    related = mail.get_body(preferencelist=("related",))
    assert isinstance(related, EmailMessage)
    assert related.get_param("type") == "text/html"
    page, logo = related.iter_parts()
    assert page.get_content().strip() == html
    assert (logo["Content-ID"], logo.get_content_disposition()) == ("<logo>", "inline")
    assert logo.get_filename() == "logo.png"


def test_field_6_3_without_html_it_is_a_plain_attachment() -> None:
    mail = parsed(write(a_mail(text="Hi", html=None, files=[LOGO]), eight_bit=True))

    (logo,) = mail.iter_attachments()
    assert (logo.get_content_disposition(), logo["Content-ID"]) == ("attachment", None)


def test_field_6_3_a_content_id_is_checked_and_used_once() -> None:
    one = {"filename": "a.png", "content": "", "content_id": "<logo@shop>"}

    assert read(attachments=[one]).notifications[0].attachments[0].content_id == "logo@shop"
    assert faults(attachments=[one, {**one, "content_id": "logo@shop"}]) == (
        "attachments: the content_id 'logo@shop' is used twice",
    )
    for wrong in ("", "a b", "a>\r\nX: y", "a<b", "é", "x" * 201, 7):
        (fault,) = faults(attachments=[{**one, "content_id": wrong}])
        assert fault.startswith("attachments[0].content_id: must be a ")


@pytest.mark.parametrize("html", [None, "<p>Hi</p>"])
def test_field_6_4_a_calendar_is_an_alternative_and_a_file(html: str | None) -> None:
    data = write(a_mail(text="Hi", html=html, files=[INVITE, PDF]), eight_bit=False)

    assert_well_formed(data)
    mail = parsed(data)
    texts = ["text/plain", "text/html"] if html else ["text/plain"]
    assert shape(mail) == {
        "multipart/mixed": [
            {"multipart/alternative": [*texts, "text/calendar"]},
            *("text/calendar", "application/pdf"),
        ]
    }
    body, file, _ = mail.iter_parts()
    *_, calendar = body.iter_parts()
    assert (calendar.get_param("method"), calendar.get_content_charset()) == ("REQUEST", "utf-8")
    assert calendar.get_content_disposition() is None
    assert calendar.get_payload(decode=True) == file.get_payload(decode=True) == INVITE.content
    assert (file.get_filename(), file.get_content_disposition()) == ("invite.ics", "attachment")
    assert file.get_param("method") == "REQUEST"


def test_field_6_4_the_method_may_stand_in_the_calendar_alone_in_any_charset() -> None:
    invite = File(
        filename="invite.ics",
        content_type="text/calendar; charset=iso-8859-1",
        content=MEETING.encode("latin-1"),
    )
    body, file = parsed(write(a_mail(files=[invite]), eight_bit=True)).iter_parts()
    *_, calendar = body.iter_parts()

    assert (calendar.get_param("method"), calendar.get_content_charset()) == ("REQUEST", "utf-8")
    assert text_of(calendar) == MEETING
    assert file.get_content_charset() == "iso-8859-1"
    assert file.get_payload(decode=True) == invite.content


def test_field_6_4_bytes_that_are_not_of_their_charset_stay_a_file_alone() -> None:
    invite = File(filename="a.ics", content_type="text/calendar", content=b"\xff")

    mail = parsed(write(a_mail(files=[invite]), eight_bit=True))

    assert shape(mail) == {"multipart/mixed": ["text/plain", "text/calendar"]}


kinds = st.sampled_from(["image/png", "text/calendar", "text/calendar; method=CANCEL", "a/b; c=d"])
files = st.lists(
    st.builds(
        File,
        filename=names,
        content_type=kinds,
        content=st.binary(max_size=200) | body_text.map(str.encode),
        content_id=st.none() | st.uuids().map(str),
    ),
    max_size=4,
)


@given(body_text, st.none() | body_text, files, st.booleans())
def test_any_mix_of_files_reads_back(
    text: str, html: str | None, given_files: list[File], eight_bit: bool
) -> None:
    data = write(a_mail(text=text, html=html, files=given_files), eight_bit=eight_bit)

    assert_well_formed(data)
    assert eight_bit or data.isascii()
    mail = message_from_bytes(data, policy=policy.compat32)
    parts = [part for part in mail.walk() if part.get_content_disposition() is not None]
    found = {(part.get_filename(), part.get_payload(decode=True)) for part in parts}
    assert found == {(file.filename.strip(), file.content) for file in given_files}
    assert len(parts) == len(given_files)
    assert not any(part.defects for part in mail.walk())
