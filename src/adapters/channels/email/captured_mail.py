"""A mail that was kept in a Maildir, read from its file."""

from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from adapters.channels.captured_message import CapturedContent, CapturedFile


def read_mail(source: bytes) -> CapturedContent:
    """Read a mail as a Maildir keeps it."""
    mail = message_from_bytes(source)
    texts: dict[str, str] = {}
    files = []
    for part in mail.walk():
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), part.get_filename()
        if kind in ("text/plain", "text/html") and name is None and kind not in texts:
            texts[kind] = _decoded(part)
        else:
            payload = part.get_payload(decode=True)
            files.append(
                CapturedFile(
                    _readable(name or kind), payload if isinstance(payload, bytes) else b""
                )
            )
    return CapturedContent(
        headers=tuple((name, _readable(value)) for name, value in mail.items()),
        text=texts.get("text/plain", ""),
        html=texts.get("text/html"),
        files=tuple(files),
    )


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:  # an unknown charset
        return raw.decode("utf-8", "replace")


def _readable(value: object) -> str:
    """A header without its encoding and folding."""
    text = " ".join(str(value).split())
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
