"""Mail as bytes, written by ourselves in a few fixed shapes.

The standard library's writer costs forty times as much and, in Python 3.11, has known faults in
long address lists and quoted names. What is written here is proven by reading it back with the
standard parser.
"""

from binascii import b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import islice

from adapters.channels.email.files import file_part, invitation
from adapters.channels.email.headers import (
    Mailbox,
    UnsafeText,
    mailboxes,
    unstructured,
    verbatim,
)
from adapters.channels.shared.attachments import File

# RFC 5322 2.1.1, in octets without the CRLF.
_LONGEST_LINE = 998
_LONGEST_KEPT = 300  # characters of a name


@dataclass(slots=True, kw_only=True)
class Mail:
    """Everything a mail shows. Its recipients are in the SMTP envelope, so bcc is not here.

    `date` is in seconds since the epoch. At least one of `html` and `text` is there.
    """

    sender: Mailbox
    to: Sequence[Mailbox]
    cc: Sequence[Mailbox] = ()
    reply_to: Sequence[Mailbox] = ()
    subject: str
    date: float
    message_id: str
    template: str
    extra_headers: Sequence[tuple[str, str]] = ()
    html: str | None = None
    text: str | None = None
    files: Sequence[File] = ()


def write(mail: Mail, *, eight_bit: bool) -> bytes:
    """The mail with CRLF line ends, the last one included; dots are not stuffed.

    `eight_bit`: the server takes 8BITMIME (RFC 6152), so text outside ASCII goes as it is.
    Raises UnsafeText when a header holds CR, LF or NUL, or a body NUL or a lone surrogate.
    """
    try:
        head = "\r\n".join(_header_lines(mail)).encode()
        body = _root(mail, eight_bit=eight_bit)
    except UnicodeEncodeError:
        raise UnsafeText("the mail holds a lone surrogate, which no encoding can carry") from None
    end = b"" if body.endswith(b"\r\n") else b"\r\n"
    return b"".join((head, b"\r\n", body, end))


def message_id(key: str, domain: str) -> str:
    """A Message-ID that is the same for the same key: a copy is recognised as one.

    Shorter than 70 characters, since some programs fold longer ones apart.
    """
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    while len(domain) > 40 and "." in domain:
        domain = domain.partition(".")[2]
    return f"<{digest}@{domain[-40:]}>"


def _header_lines(mail: Mail) -> list[str]:
    # RFC 5322 3.4: a group without members stands in for a list that must not be shown.
    to = mailboxes("To", mail.to) if mail.to else "To: undisclosed-recipients:;"
    lines = [_recurring("From", (mail.sender,)), to]
    if mail.cc:
        lines.append(mailboxes("Cc", mail.cc))
    if mail.reply_to:
        lines.append(_recurring("Reply-To", mail.reply_to))
    if mail.subject:  # RFC 5322 3.6.5: optional; an encoded word cannot be empty
        lines.append(unstructured("Subject", mail.subject))
    lines += (
        f"Date: {_date(int(mail.date))}",
        f"Message-ID: {mail.message_id}",
        "MIME-Version: 1.0",
        "Auto-Submitted: auto-generated",  # RFC 3834: no vacation notes in answer
        _template(mail.template),
    )
    lines += [verbatim(name, value) for name, value in mail.extra_headers]
    return lines


def _recurring(name: str, boxes: Sequence[Mailbox]) -> str:
    """As `mailboxes`, of those who are the same in mail after mail."""
    if len(boxes) == 1 and len(boxes[0].name) <= _LONGEST_KEPT:
        return _known(name, boxes[0])
    return mailboxes(name, boxes)


@lru_cache(maxsize=256)
def _known(name: str, box: Mailbox) -> str:
    return mailboxes(name, (box,))


_date = lru_cache(maxsize=4)(formatdate)
_template = lru_cache(maxsize=64)(partial(verbatim, "X-Dispatcher-Template"))


def _root(mail: Mail, *, eight_bit: bool) -> bytes:
    digest = mail.message_id[1:25]
    bodies = [
        (subtype, text)
        for subtype, text in (("plain", mail.text), ("html", mail.html))
        if text is not None
    ]
    parts = [_text(subtype, text, digest, eight_bit=eight_bit) for subtype, text in bodies]
    shown = [file for file in mail.files if file.content_id] if mail.html is not None else []
    if shown:
        related = [parts[-1], *(file_part(file, is_shown=True) for file in shown)]
        parts[-1] = _multipart('related;\r\n type="text/html"', f"=_r{digest}", related)
    invitations = filter(None, map(invitation, mail.files))
    parts += islice(invitations, 1)  # two would be two forms of one meeting
    # RFC 2046 5.1.4: the part a reader should prefer comes last.
    body = parts[0] if len(parts) == 1 else _multipart("alternative", f"=_a{digest}", parts)
    files = [file_part(file, is_shown=False) for file in mail.files if file not in shown]
    return _multipart("mixed", f"=_m{digest}", [body, *files]) if files else body


def _multipart(subtype: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n'.encode()
    if not all(part.isascii() for part in parts):  # RFC 2045 6.4: no less than its parts need
        head += b"Content-Transfer-Encoding: 8bit\r\n"
    delimiter = f"\r\n--{boundary}".encode()
    pieces = [head]
    for part in parts:
        pieces += (delimiter, b"\r\n", part)
    pieces += (delimiter, b"--\r\n")
    return b"".join(pieces)


def _text(subtype: str, text: str, digest: str, *, eight_bit: bool) -> bytes:
    data = text.encode()
    if b"\0" in data:
        raise UnsafeText(f"the {subtype} body must not contain NUL")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # A line that is a boundary would end the part. Quoted-printable writes "=" as "=3D", so the
    # "=_" that boundaries begin with cannot come up in it.
    plain = (
        (eight_bit or text.isascii())
        and digest.encode() not in data
        and (len(data) <= _LONGEST_LINE or _short_lines(data))
    )
    if plain:
        encoding = "7bit" if text.isascii() else "8bit"
    else:
        encoding = "quoted-printable"
        data = b2a_qp(data)
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}"
    return b"%b\r\n\r\n%b" % (head.encode(), data.replace(b"\n", b"\r\n"))


def _short_lines(data: bytes) -> bool:
    start = 0
    while len(data) - start > _LONGEST_LINE:  # a line end within reach, or the line is too long
        start = data.rfind(b"\n", start, start + _LONGEST_LINE + 1) + 1
        if not start:
            return False
    return True
