"""Mail header lines: folded, encoded and safe. Every function returns text without a final CRLF."""

import re
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from domain.notification import header_fault

# RFC 5322 2.1.1: lines should keep to 78 characters and must keep to 998.
_PREFERRED_LINE = 78
_LONGEST_WORD = 990
# RFC 2047 section 2: at most 75 characters a word and 76 a line. 39 bytes make a word of 64, so
# that it fits next to every header name that this module writes.
_BYTES_PER_ENCODED_WORD = 39
_LONGEST_PLAIN_NAME = 60
_LONGEST_PLAIN_FILENAME = 50
_BYTES_PER_PARAMETER = 20

# RFC 5322 3.2.3: atext, here as words with single spaces between.
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_PLAIN_VALUE = re.compile(r"[ !#-\[\]-~]+")
_PLAIN_FILENAME = re.compile(r"[\w !#$&()+,.@^{}~\[\]-]+", re.ASCII)


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
        _refuse_unsafe(name, value)
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
        _refuse_unsafe(name, name + value)
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
            _refuse_unsafe(name, box.name + box.address)
        words += _mailbox_words(box) if box.name else (box.address,)
        words[-1] += ","
    words[-1] = words[-1][:-1]
    line = f"{name}: {' '.join(words)}"
    return line if len(line) <= _PREFERRED_LINE else fold(name, words)


def _mailbox_words(box: Mailbox) -> list[str]:
    name = box.name
    address = f"<{box.address}>"
    if len(name) > _LONGEST_PLAIN_NAME or not (name.isascii() and name.isprintable()):
        return [*encoded_words(name), address]
    if "=?" in name or name != name.strip():
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
        for piece in (
            [data]
            if len(data) <= _BYTES_PER_ENCODED_WORD
            else _pieces(data, _BYTES_PER_ENCODED_WORD)
        )
    ]


def fold(name: str, words: Iterable[str]) -> str:
    """`name: words`, broken between words where a line would grow too long."""
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


def legacy_parameter(name: str, value: str) -> str:
    """`; name=value` for programs that know RFC 2047 and not RFC 2231, as old mail readers do."""
    _refuse_unsafe(name, value)
    if len(value) <= _LONGEST_PLAIN_FILENAME and _PLAIN_FILENAME.fullmatch(value):
        return f';\r\n {name}="{value}"'
    words = "\r\n ".join(encoded_words(value))
    return f';\r\n {name}="{words}"'


def parameter(name: str, value: str) -> str:
    """`; name=value` for a MIME header, in RFC 2231 form where the value asks for it.

    Raises UnsafeText for CR, LF and NUL, and for a name too long for a line.
    """
    _refuse_unsafe(name, value)
    if len(name) > _PREFERRED_LINE:
        raise UnsafeText(f"{name[:40]}: the parameter's name is too long")
    allowed = _PLAIN_FILENAME if name == "filename" else _PLAIN_VALUE
    if len(value) <= _LONGEST_PLAIN_FILENAME and allowed.fullmatch(value) and "=?" not in value:
        return f';\r\n {name}="{value}"'
    pieces = [quote(piece, safe="") for piece in _pieces(value.encode(), _BYTES_PER_PARAMETER)]
    if len(pieces) == 1:
        return f";\r\n {name}*=utf-8''{pieces[0]}"
    charset = ["utf-8''"] + [""] * len(pieces)
    return "".join(
        f";\r\n {name}*{number}*={charset[number]}{piece}" for number, piece in enumerate(pieces)
    )


def _pieces(data: bytes, size: int) -> list[bytes]:
    """UTF-8 cut into pieces of at most `size` bytes, never inside a character."""
    pieces = []
    start = 0
    while start < len(data):
        end = start + size
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[start:end])
        start = end
    return pieces or [b""]


def _refuse_unsafe(name: str, value: str) -> None:
    if fault := header_fault(value):
        raise UnsafeText(f"{name}: {fault}")
