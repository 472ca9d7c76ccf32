"""Make a mail of a notification and its content: its recipients, what it shows, and its bytes."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from adapters.channels.email import mime
from adapters.channels.email.headers import (
    EmailAddress,
    InvalidAddress,
    Mailbox,
    UnsafeText,
    parse_address,
)
from adapters.channels.shared.attachments import AttachmentFolder
from domain.content import Content
from domain.errors import DeliveryError, FailureReason, Permanent
from domain.notification import Notification, Recipient, one_recipient
from domain.value_object import value_object

_OFF_LOOP = 64 * 1024  # characters or bytes; writing more would hold up every other mail
_UNSUBSCRIBE, _ONE_CLICK = "list-unsubscribe", "list-unsubscribe-post"

Addressees = list[tuple[Recipient, EmailAddress]]


@value_object(kw_only=True)
class OutgoingMail:
    """One mail: `addressees` can get it; `refused` cannot, each with the error. `envelope_from` is
    where bounces go. `unshown_replies`: only a server with SMTPUTF8 carries some Reply-To address.
    `message_id` has its angle brackets.
    """

    notification: Notification
    content: Content
    sender: Mailbox
    sender_address: EmailAddress
    envelope_from: EmailAddress
    reply_to: tuple[Mailbox, ...]
    unshown_replies: bool
    message_id: str
    addressees: Addressees
    refused: dict[Recipient, DeliveryError]


class Composer:
    """Composes mails and writes them down."""

    def __init__(
        self,
        *,
        sender: str | None = None,
        reply_to: str | None = None,
        attachments_dir: Path | None = None,
        attachments_most: int | None = None,
    ) -> None:
        """`sender` and `reply_to`: what a mail takes where neither message nor template says, `Name
        <address>` or an address. The attachments: see `AttachmentFolder`.

        Raises ValueError, naming the variable, when a default is no address.
        """
        self._attachments = AttachmentFolder(attachments_dir, attachments_most)
        self._sender = _default("DISPATCHER_EMAIL_FROM", sender)
        replies = _default("DISPATCHER_EMAIL_REPLY_TO", reply_to)
        self._reply_to = () if replies is None else (replies,)

    def compose(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> OutgoingMail:
        """Check everything that needs no server. Raises Permanent when no recipient is left."""
        if content.parts.get("html") is None and content.parts.get("text") is None:
            raise Permanent(
                f"template {notification.template!r} has neither an html nor a text part",
                reason=FailureReason.TEMPLATE_MISSING,
            )
        sender = notification.sender or self._usual_sender(content)
        addressees: Addressees = []
        refused: dict[Recipient, DeliveryError] = {}
        for recipient in recipients:
            try:
                addressees.append((recipient, parse_address(recipient.address)))
            except InvalidAddress as error:
                refused[recipient] = Permanent(str(error), reason=FailureReason.RECIPIENT_INVALID)
        sender_address = _checked("from", sender)
        bounces = notification.envelope_from
        envelope_from = sender_address if bounces is None else _checked("envelope_from", bounces)
        reply_to = tuple(
            [
                Mailbox(one.name, _checked("reply_to", one).wire)
                for one in notification.reply_to or self._reply_to
            ]
        )
        alone = f"\n{notification.recipients[0].address}" if notification.individually else ""
        return OutgoingMail(
            notification=notification,
            content=content,
            sender=Mailbox(sender.name, sender_address.wire),
            sender_address=sender_address,
            envelope_from=envelope_from,
            reply_to=reply_to,
            unshown_replies=not all(box.address.isascii() for box in reply_to),
            message_id=mime.message_id(notification.unique_id + alone, sender_address.domain),
            addressees=addressees,
            refused=refused,
        )

    def _usual_sender(self, content: Content) -> Recipient:
        """The template's, else ours."""
        text = content.envelope.sender
        if not text and self._sender is not None:
            return self._sender
        if not text:
            raise Permanent(
                "no sender: give the message a field 'from', or set DISPATCHER_EMAIL_FROM",
                reason=FailureReason.MALFORMED,
            )
        try:
            return Recipient.parse(text)
        except ValueError as error:
            raise _malformed("from", error) from None

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> dict[Recipient, DeliveryError | None]:
        """Write the mail without sending it, and return which recipients cannot be served, and
        why. Raises Permanent when no recipient can be."""
        outgoing = self.compose(notification, content, recipients)
        if outgoing.addressees:
            await self.write(outgoing, eight_bit=True, utf8=True)
        return {recipient: outgoing.refused.get(recipient) for recipient in recipients}

    async def write(self, outgoing: OutgoingMail, *, eight_bit: bool, utf8: bool) -> bytes:
        """The mail's bytes. Raises Permanent when they cannot be made.

        `eight_bit` and `utf8`: the server takes 8BITMIME and SMTPUTF8.
        """
        notification, content = outgoing.notification, outgoing.content
        attachments = notification.attachments
        files = await self._attachments.load(attachments) if attachments else ()
        mail = mime.Mail(
            sender=outgoing.sender,
            to=_shown(notification.to, utf8=utf8),
            cc=_shown(notification.cc, utf8=utf8) if notification.cc else (),
            reply_to=[box for box in outgoing.reply_to if utf8 or box.address.isascii()],
            subject=content.subject if content.subject is not None else notification.subject or "",
            date=time.time(),
            message_id=outgoing.message_id,
            template=f"{notification.template}@{content.version}",
            extra_headers=(
                ("X-Dispatcher-Id", notification.id),
                *notification.headers,
                *(_not_set_by(notification, content.headers) if content.headers else ()),
            ),
            html=content.parts.get("html"),
            text=content.parts.get("text"),
            files=files,
        )
        size = sum(map(len, content.parts.values())) + sum(len(file.content) for file in files)
        try:
            if size > _OFF_LOOP:
                return await asyncio.to_thread(mime.write, mail, eight_bit=eight_bit)
            return mime.write(mail, eight_bit=eight_bit)
        except UnsafeText as error:
            raise Permanent(str(error), reason=FailureReason.CONTENT_REFUSED) from None


def _not_set_by(
    notification: Notification, fields: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The template's header fields that the message does not set. Where it sets the links to
    unsubscribe, the template's promise of one click is about another link."""
    given = {name.lower() for name, _ in notification.headers}
    if _UNSUBSCRIBE in given:
        given.add(_ONE_CLICK)
    return [field for field in fields if field[0].lower() not in given]


def _shown(recipients: Sequence[Recipient], *, utf8: bool) -> list[Mailbox]:
    """Return the recipients that a header can name, each once. An invalid address, or one that the
    server cannot carry, is left out: it would spoil the header for the others."""
    shown: dict[str, Mailbox] = {}
    for recipient in recipients:
        try:
            address = parse_address(recipient.address)
        except InvalidAddress:
            continue
        if utf8 or not address.needs_smtputf8:
            shown.setdefault(address.wire, Mailbox(recipient.name, address.wire))
    return list(shown.values())


def _default(variable: str, text: str | None) -> Recipient | None:
    try:
        recipient = one_recipient(text) if text is not None else None
        if recipient is not None:
            parse_address(recipient.address)
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None
    return recipient


def _checked(field: str, recipient: Recipient) -> EmailAddress:
    try:
        return parse_address(recipient.address)
    except InvalidAddress as error:
        raise _malformed(field, error) from None


def _malformed(field: str, error: Exception) -> Permanent:
    return Permanent(f"{field}: {error}", reason=FailureReason.MALFORMED)
