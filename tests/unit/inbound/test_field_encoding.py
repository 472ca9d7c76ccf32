"""Bodies that travel compressed or in another charset."""

import gzip
import json
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dead_letters.dead_letter import again, describe, editable, edited
from adapters.dead_letters.lines import from_line, to_line
from adapters.inbound.contract import DeadCopy, InboundMessage
from adapters.message_format.body import plain_body
from adapters.message_format.message import content_key
from adapters.message_format.rules import Properties
from domain.errors import FailureReason, MalformedMessage
from tests.support.decoding import RULES, decode
from tests.unit.inbound.office import GOOD, Office

TEXT = json.dumps({**GOOD, "id": "né-1", "subject": "Größe"}, ensure_ascii=False)
LIMIT = 10_000


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "GZIP": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
    "gzip:UTF-8": gzip.compress,
    "identity": bytes,
    "utf-8": bytes,
    "binary": bytes,
}


def plain(
    body: bytes, encoding: str | None = None, content_type: str | None = None, limit: int = LIMIT
) -> bytes:
    properties = Properties(content_encoding=encoding, content_type=content_type)
    return plain_body(body, properties, limit)


def fault(body: bytes, **how: Any) -> str:
    with pytest.raises(MalformedMessage) as caught:
        plain(body, **how)
    (only,) = caught.value.faults
    return only


@pytest.mark.parametrize("encoding", CODINGS)
def test_field_7_5_a_compressed_body_is_read(encoding: str) -> None:
    body = CODINGS[encoding](TEXT.encode())
    properties = Properties(content_encoding=encoding)

    decoded = decode(body, channel="email", properties=properties)

    assert decoded.notifications[0].subject == "Größe"


def test_field_7_5_several_members_and_padding_are_one_gzip_body() -> None:
    assert plain(gzip.compress(b"ab") + gzip.compress(b"cd") + b"\0\0", "gzip") == b"abcd"


@given(st.binary(max_size=2000), st.sampled_from(["gzip", "deflate", "Deflate", "deflate, gzip"]))
def test_field_7_5_any_bytes_come_back(data: bytes, encoding: str) -> None:
    assert plain(CODINGS[encoding](data), encoding) == data


@pytest.mark.parametrize(
    "charset",
    [
        *("iso-8859-1", "latin1", "ISO-8859-15", "windows-1252", "utf-16", "utf-16le", "UTF-16BE"),
        *("utf-32", "utf-8", "UTF8", '"iso-8859-1"'),
    ],
)
def test_field_7_5_the_charset_of_the_content_type_is_honoured(charset: str) -> None:
    body = TEXT.encode(charset.strip('"'))

    assert json.loads(plain(body, None, f"application/json; charset={charset}")) == json.loads(TEXT)
    assert json.loads(plain(gzip.compress(body), "gzip", f"a/b;charset={charset};x=y")) == (
        json.loads(TEXT)
    )


def test_field_7_5_utf_16_without_a_mark_shows_its_byte_order() -> None:
    for order in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        charset = order[:6]
        assert plain(TEXT.encode(order), None, f"a/b; charset={charset}").decode() == TEXT


def test_field_7_5_a_charset_in_the_content_encoding_counts_too() -> None:
    assert plain(TEXT.encode("latin-1"), "ISO-8859-1").decode() == TEXT
    assert plain(gzip.compress(TEXT.encode("latin-1")), "gzip, latin-1").decode() == TEXT


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"encoding": "br"}, "body: content_encoding 'br' is not supported; use gzip or deflate"),
        ({"encoding": "gzip, zstd"}, "body: content_encoding 'zstd' is not supported"),
        ({"content_type": "a/b; charset=klingon"}, "body: the charset 'klingon' is not supported"),
        ({"content_type": "a/b; charset=utf-7"}, "body: the charset 'utf-7' is not supported"),
        ({"content_type": "a/b; charset=rot13"}, "body: the charset 'rot13' is not supported"),
        ({"content_type": "a/b; charset="}, "body: the charset '' is not supported"),
        ({"content_type": "a/b; charset=utf-16-le"}, "body: not utf-16-le at byte"),
    ],
)
def test_field_7_5_what_is_not_supported_is_refused_by_name(how: dict[str, str], text: str) -> None:
    assert fault(b"\xffab", **how).startswith(text)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_field_7_5_a_bomb_is_refused_before_it_goes_off(encoding: str) -> None:
    bomb = CODINGS[encoding](bytes(200_000_000))
    before = time.process_time()

    told = fault(bomb, encoding=encoding)

    assert told == "body: decompressed it is more than DISPATCHER_MAX_BODY allows (10000 bytes)"
    assert time.process_time() - before < 0.5
    assert plain(CODINGS[encoding](bytes(LIMIT)), encoding) == bytes(LIMIT)
    assert fault(CODINGS[encoding](bytes(LIMIT + 1)), encoding=encoding) == told


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_field_7_5_what_is_not_compressed_or_cut_short_is_named(encoding: str) -> None:
    for body in (TEXT.encode(), CODINGS[encoding](TEXT.encode())[:-9], b""):
        assert fault(body, encoding=encoding) == (
            f"body: not {encoding}, as its content_encoding says"
        )
    many = gzip.compress(b"") * 5_000
    assert fault(many, encoding="gzip") == "body: not gzip, as its content_encoding says"


def message(body: bytes, encoding: str, **headers: object) -> InboundMessage:
    properties = Properties(content_encoding=encoding, content_type="application/json; charset=x")
    if encoding == "gzip":
        properties = Properties(content_encoding=encoding, content_type="application/json")
    return InboundMessage(queue="letters", body=body, headers=headers, properties=properties)


def test_field_7_5_its_key_is_the_hash_of_what_travelled() -> None:
    body = gzip.compress(json.dumps(GOOD).encode())

    decoded = decode(body, channel="email", properties=Properties(content_encoding="gzip"))

    assert decoded.key == content_key(body)
    assert describe(message(body, "gzip"), {}).id == decoded.notifications[0].id


def test_field_7_5_a_dead_letter_keeps_its_bytes_and_its_encoding_when_exported() -> None:
    letter = message(gzip.compress(TEXT.encode()), "gzip")

    stored = from_line(to_line(letter, FailureReason.MALFORMED).encode())

    assert (stored.body, stored.properties) == (letter.body, letter.properties)


def test_field_7_5_commands_read_it_and_send_it_on_in_plain() -> None:
    letter = message(gzip.compress(TEXT.encode()), "gzip")

    assert describe(letter, {"letters": "email"}).id == "né-1"
    text = editable(letter.body, letter.properties)
    assert json.loads(text)["subject"] == "Größe"
    for release in (again(letter), edited(letter, text, channel="email", rules=RULES)):
        assert json.loads(release.body or b"")["id"] == "né-1~1"
        assert release.properties == Properties(content_type="application/json")


def test_field_7_5_a_worker_sends_it_and_buries_what_it_cannot_read_as_it_is() -> None:
    office = Office()
    good, bad = message(gzip.compress(TEXT.encode()), "gzip"), message(b"\0\xff", "br")

    assert office.handle_message(good) == []
    assert office.email.addresses == ["ann@example.com"]
    (copy,) = office.handle_message(bad)
    assert isinstance(copy, DeadCopy)
    assert "'br' is not supported" in str(copy.headers["x-dispatcher-error"])


def test_field_7_5_a_message_compressed_again_to_other_bytes_is_the_same_message() -> None:
    """A gzip header holds the time of compression."""
    office = Office()
    text = TEXT.encode()
    bodies = [
        message(gzip.compress(text, mtime=1), "gzip"),
        message(gzip.compress(text, mtime=2), "gzip"),
        message(gzip.compress(text, 1), "gzip"),
        InboundMessage(queue="letters", body=text),
    ]

    assert [office.handle_message(body) for body in bodies] == [[], [], [], []]
    assert office.email.addresses == ["ann@example.com"]
    (copy,) = office.handle_message(message(gzip.compress(text.replace(b"Gr", b"gr")), "gzip"))
    assert copy.headers["x-dispatcher-reason"] == "conflict"
