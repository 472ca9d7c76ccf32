"""Files as MIME parts: attached, shown inside the HTML, or as a calendar's invitation."""

import re
from binascii import b2a_base64
from urllib.parse import quote

from adapters.channels.email.headers import UnsafeText, encoded_words, pieces, refuse_unsafe
from adapters.channels.shared.attachments import File
from domain.media_type import MediaType

_BASE64_LINE = 76
# Bytes that are encoded at once, a whole number of lines: a list of all lines of a large file
# takes several times its memory.
_BLOCK = _BASE64_LINE // 4 * 3 * 1024
_LONGEST_NAME = 78
_LONGEST_PLAIN_FILENAME = 50
_BYTES_PER_PARAMETER = 20
_PLAIN_VALUE = re.compile(r"[ !#-\[\]-~]+")
_PLAIN_FILENAME = re.compile(r"[\w !#$&()+,.@^{}~\[\]-]+", re.ASCII)
_METHOD = re.compile(rb"^METHOD:([A-Za-z-]{1,40})[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)


def invitation(file: File) -> bytes | None:
    """The alternative that a calendar reads (RFC 6047 2.4), always in UTF-8. None where the file is
    no calendar, or not in the charset it names."""
    if "text/calendar" not in file.content_type.lower():
        return None
    media = _media_type(file)
    if media.name != "text/calendar":
        return None
    parameters = {"charset": "utf-8", **media.parameters}
    try:
        text = file.content.decode(parameters["charset"])
        content = text.removeprefix("\ufeff").encode()
    except (LookupError, ValueError):
        return None
    method = _METHOD.search(content)
    if "method" not in parameters and method is not None:
        parameters["method"] = method[1].decode().upper()
    parameters["charset"] = "utf-8"
    parameters.pop("name", None)
    return _base64(_content_type(media.name, parameters), content)


def file_part(file: File, *, is_shown: bool) -> bytes:
    """The part of a file to be kept, or one that the HTML shows by its content id (RFC 2392)."""
    media = _media_type(file)
    parameters = media.parameters
    name = media.name
    if name.startswith(("multipart/", "message/")):
        # RFC 2045 6.4 forbids base64 for these, and they may hold lines no server takes.
        name, parameters = "application/octet-stream", {}
    others = {k: v for k, v in parameters.items() if k != "name"}
    head = (
        _content_type(name, others)
        + _legacy_parameter("name", parameters.get("name") or file.filename)
        + f"\r\nContent-Disposition: {'inline' if is_shown else 'attachment'}"
        + _parameter("filename", file.filename)
        + (f"\r\nContent-ID: <{file.content_id}>" if is_shown else "")
    )
    return _base64(head, file.content)


def _media_type(file: File) -> MediaType:
    try:
        return MediaType.parse(file.content_type)
    except ValueError as error:
        raise UnsafeText(f"attachment {file.filename[:100]!r}: content_type {error}") from None


def _content_type(name: str, parameters: dict[str, str]) -> str:
    return f"Content-Type: {name}" + "".join(_parameter(*item) for item in parameters.items())


def _base64(head: str, content: bytes) -> bytes:
    head += "\r\nContent-Transfer-Encoding: base64"
    blocks = [
        _lines(content[start : start + _BLOCK]) for start in range(0, len(content), _BLOCK)
    ] or [b""]
    return b"\r\n".join([head.encode(), b"", *blocks])


def _lines(content: bytes) -> bytes:
    data = b2a_base64(content, newline=False)
    return b"\r\n".join(
        [data[start : start + _BASE64_LINE] for start in range(0, len(data), _BASE64_LINE)]
    )


def _legacy_parameter(name: str, value: str) -> str:
    """`; name=value` for programs that know RFC 2047 and not RFC 2231, as old mail readers do."""
    refuse_unsafe(name, value)
    if len(value) <= _LONGEST_PLAIN_FILENAME and _PLAIN_FILENAME.fullmatch(value):
        return f';\r\n {name}="{value}"'
    words = "\r\n ".join(encoded_words(value))
    return f';\r\n {name}="{words}"'


def _parameter(name: str, value: str) -> str:
    """`; name=value` for a MIME header, in RFC 2231 form where the value asks for it.

    Raises UnsafeText for CR, LF and NUL, and for a name too long for a line.
    """
    refuse_unsafe(name, value)
    if len(name) > _LONGEST_NAME:
        raise UnsafeText(f"{name[:40]}: the parameter's name is too long")
    allowed = _PLAIN_FILENAME if name == "filename" else _PLAIN_VALUE
    if len(value) <= _LONGEST_PLAIN_FILENAME and allowed.fullmatch(value) and "=?" not in value:
        return f';\r\n {name}="{value}"'
    quoted = [quote(piece, safe="") for piece in pieces(value.encode(), _BYTES_PER_PARAMETER)]
    if len(quoted) == 1:
        return f";\r\n {name}*=utf-8''{quoted[0]}"
    charset = ["utf-8''"] + [""] * len(quoted)
    return "".join(
        f";\r\n {name}*{number}*={charset[number]}{piece}" for number, piece in enumerate(quoted)
    )
