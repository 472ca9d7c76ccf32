"""Mail addresses, and header lines: folded, encoded and safe, each without its final CRLF."""

import re
from binascii import b2a_base64
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

import email_validator

from domain.errors import FailureReason, Permanent
from domain.notification import header_fault
from domain.value_object import value_object

# RFC 5322 2.1.1: lines should keep to 78 characters and must keep to 998.
_PREFERRED_LINE = 78
_LONGEST_WORD = 990
# RFC 2047 section 2: at most 75 characters a word and 76 a line. 39 bytes make a word of 64, so
# that it fits next to every header name that this module writes.
_BYTES_PER_ENCODED_WORD = 39
_LONGEST_PLAIN_NAME = 60

# RFC 5322 3.2.3: atext, here as words with single spaces between.
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)


# RFC 2606 and RFC 6762 reserve these for private use and testing: the mailboxes of a development
# machine. The library refuses them unless they are taken off its list (its documented switch).
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = {*email_validator.SPECIAL_USE_DOMAIN_NAMES} - {
    "test",
    "local",
    "localhost",
}
_ORDINARY_LOCAL_PART = re.compile(r"[\w+-]+(?:\.[\w+-]+)*", re.ASCII)
# Some mobile carriers gave out local parts with dots where RFC 5322 3.2.3 has none: `a..b`, `a.`.
# As a quoted string they are valid (RFC 5321 4.1.2).
_STRAY_DOTS = re.compile(r"(?=\.|.*\.\.|.*\.\Z)[^\s\"\\@<>(),;:\[\]]+")
_LONGEST_LOCAL_PART = 64  # RFC 5321 4.5.3.1.1
_LONGEST_ADDRESS = 254  # RFC 3696 erratum 1690


class UnsafeText(ValueError):
    """Text that cannot be carried by a mail; the message names the field and what is wrong."""


class Mailbox(NamedTuple):
    """A display name (may be empty) and the address as it stands on the wire."""

    name: str
    address: str


def unstructured(name: str, value: str) -> str:
    """A header of free text such as Subject. It reads back exactly as given.

    Raises UnsafeText for CR, LF and NUL, which would smuggle in another header.
    """
    if not value.isprintable():
        refuse_unsafe(name, value)
    elif value.isascii() and "=?" not in value:
        words = value.split(" ")
        if len(name) + 2 + len(value) <= _PREFERRED_LINE:
            if words[0] and words[-1]:
                return f"{name}: {value}"
        elif all(words) and len(name) + 2 + len(words[0]) <= _PREFERRED_LINE > max(map(len, words)):
            return fold(name, words)
    return fold(name, encoded_words(value))


def verbatim(name: str, value: str) -> str:
    """A header whose words mean something to a program: kept as they are, folded at spaces only.

    Text outside ASCII is encoded all the same. Raises UnsafeText for CR, LF and NUL.
    """
    if not (name.isprintable() and value.isprintable()):
        refuse_unsafe(name, name + value)
    value = value.strip()
    if not (value.isascii() and value.isprintable()):
        return fold(name, encoded_words(value))
    if len(name) + 2 + len(value) <= _PREFERRED_LINE:
        return f"{name}: {value}"
    return fold(name, value.split())


def mailboxes(name: str, boxes: Sequence[Mailbox]) -> str:
    """An address header such as To. Raises UnsafeText for CR, LF and NUL."""
    words: list[str] = []
    for box in boxes:
        if not (box.name.isprintable() and box.address.isprintable()):
            refuse_unsafe(name, box.name + box.address)
        words += _mailbox_words(box) if box.name else (box.address,)
        words[-1] += ","
    words[-1] = words[-1][:-1]
    return fold(name, words)


def _mailbox_words(box: Mailbox) -> list[str]:
    name, address = box.name, f"<{box.address}>"
    is_plain = name.isascii() and name.isprintable() and "=?" not in name and name == name.strip()
    if not is_plain or len(name) > _LONGEST_PLAIN_NAME:
        return [*encoded_words(name), address]
    if _ATOMS.fullmatch(name):
        return [name, address]
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{quoted}"', address]


def encoded_words(text: str) -> list[str]:
    """RFC 2047 words for any text; none is split inside a character (section 5)."""
    data = text.encode()
    return [
        f"=?utf-8?b?{b2a_base64(piece, newline=False).decode()}?="
        for piece in pieces(data, _BYTES_PER_ENCODED_WORD)
    ]


def fold(name: str, words: Sequence[str]) -> str:
    """`name: words`, broken between words where a line would grow too long."""
    whole = f"{name}: {' '.join(words)}"
    if len(whole) <= _PREFERRED_LINE:
        return whole
    lines: list[str] = []
    line = name + ":"
    for word in words:
        if len(line) + 1 + len(word) > _PREFERRED_LINE:
            if len(word) > _LONGEST_WORD:
                raise UnsafeText(f"{name}: a word of {len(word)} characters fits no header line")
            lines.append(line)
            line = ""
        line += " " + word
    lines.append(line)
    return "\r\n".join(lines)


def pieces(data: bytes, size: int) -> list[bytes]:
    """UTF-8 cut into pieces of at most `size` bytes, never inside a character."""
    if len(data) <= size:
        return [data]
    found = []
    start = 0
    while start < len(data):
        end = start + size
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        found.append(data[start:end])
        start = end
    return found


def refuse_unsafe(name: str, value: str) -> None:
    if fault := header_fault(value):
        raise UnsafeText(f"{name}: {fault}")


class InvalidAddress(ValueError):
    """Not a mail address; the message says why."""


@value_object()
class EmailAddress:
    """A valid address: `wire` is its form in the envelope and in headers, `domain` in A-labels.

    `wire` is ASCII unless `needs_smtputf8` (RFC 6531), when its local part is not.
    """

    wire: str
    domain: str
    needs_smtputf8: bool


@lru_cache(maxsize=1024)  # a sender recurs from mail to mail, an address within its own
def parse_address(text: str) -> EmailAddress:
    """Check the syntax of one address; no name server is asked. Raises InvalidAddress."""
    local, _, domain = text.rpartition("@")
    is_short = len(local) <= _LONGEST_LOCAL_PART
    with suppress(InvalidAddress):  # the whole check words the fault
        if is_short and _ORDINARY_LOCAL_PART.fullmatch(local):
            # Domains recur where mailboxes do not, and a whole check costs a third of a whole mail.
            domain = _validated(f"anybody@{domain}").domain
            if len(wire := f"{local}@{domain}") <= _LONGEST_ADDRESS:
                return EmailAddress(wire, domain, needs_smtputf8=False)
        elif is_short and _STRAY_DOTS.fullmatch(local):
            return _validated(f'"{local}"@{domain}')
    return _validated(text)


@lru_cache(maxsize=4096)
def _validated(text: str) -> EmailAddress:
    try:
        valid = email_validator.validate_email(
            text,
            check_deliverability=False,
            globally_deliverable=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
            strict=True,  # also refuse a local part longer than a server need take
        )
    except email_validator.EmailNotValidError as error:
        raise InvalidAddress(f"{text[:200]!r} is not an address: {error}") from None
    wire = valid.ascii_email or f"{valid.local_part}@{valid.ascii_domain}"
    return EmailAddress(wire, valid.ascii_domain, needs_smtputf8=not wire.isascii())


def not_carried(server: str, address: str, reason: FailureReason) -> Permanent:
    """The error of an address, or a field with one, that needs SMTPUTF8 where it is not offered."""
    return Permanent(f"{address}: {needs_extension(server)}", reason=reason)


def needs_extension(server: str) -> str:
    """Why `server` cannot carry an address."""
    return f"not ASCII before the @, and {server} does not offer SMTPUTF8, which would carry it"
