"""The email channel over SMTP: a mail, a connection from the pool, one transaction."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog

from adapters.channels.email.bounds import Ceiling, PoolLimits
from adapters.channels.email.connect import Connector
from adapters.channels.email.course import Course
from adapters.channels.email.limits import (
    Limit,
    NothingSent,
    PipeliningBroken,
    TooManyRecipients,
)
from adapters.channels.email.outgoing_mail import Composer, EmailDefaults, OutgoingMail
from adapters.channels.email.pool import Pool
from adapters.channels.email.session import Session
from adapters.channels.email.tokens import Tokens
from adapters.channels.email.transaction import Mailing, Timeouts, Transaction
from adapters.channels.email.url import SmtpSettings
from adapters.channels.shared.learned import Fact, Learned
from domain.content import Content
from domain.errors import DeliveryError, FailureReason, Permanent
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, proceed

_MOST_RECIPIENTS = 500
"""A message has no more."""

log = structlog.get_logger()


class SmtpNotifier:
    """Sends mail through one relay, over a pool of kept connections."""

    one_by_one = False

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        defaults: EmailDefaults | None = None,
        ca_file: Path | None = None,
        ehlo: str | None = None,
        tokens: Tokens | None = None,
        in_hurry: Callable[[], bool] = lambda: False,
        limits: PoolLimits | None = None,
        timeouts: Timeouts | None = None,
        reread: Callable[[], SmtpSettings] | None = None,
        learned: Learned | None = None,
        blip_wait: float | None = None,
    ) -> None:
        """`ehlo`, `tokens`, `in_hurry` and `reread`: see `Connector`. `learned` keeps what the
        relay turns out to take. `blip_wait`: seconds until what failed before anything was sent is
        tried again; None leaves that to the caller.

        Raises ValueError when `ca_file` cannot be read or a default is no address.
        """
        self._composer = Composer(defaults or EmailDefaults())
        self.check = self._composer.check
        self._timeouts = timeouts or Timeouts()
        self._connector = Connector(
            settings, ca_file, self._timeouts, ehlo, tokens, in_hurry=in_hurry, reread=reread
        )
        self._blip_wait = blip_wait
        self._relay = f"{settings.host}:{settings.port}"
        limits = limits or PoolLimits()
        learn = partial((learned or Learned()).note, self._relay)
        self._recipients = Ceiling(
            _MOST_RECIPIENTS, limits.more, partial(learn, Fact.MAIL_RECIPIENTS)
        )
        self._pipelines = True
        self._pool = Pool(self._connector.open, limits, learn)

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """Send one mail; see `Notifier.notify`."""
        mail = self._composer.compose(notification, content, recipients)
        results: dict[Recipient, DeliveryError | None] = dict(mail.refused)
        if mail.addressees:
            began = time.monotonic()
            try:
                results |= await self._deliver(mail, about_to_send)
            except DeliveryError as error:
                if self._blip_wait is None:
                    raise
                from adapters.channels.shared.blips import ride_out

                again = partial(self._deliver, mail, about_to_send)
                results |= await ride_out(error, again, began, self._blip_wait)
        return {recipient: results[recipient] for recipient in recipients}

    async def close(self) -> None:
        """Say goodbye to the server; see `Notifier.close`."""
        await self._pool.close()
        await self._connector.close()

    async def _deliver(
        self, mail: OutgoingMail, about_to_send: AboutToSend
    ) -> dict[Recipient, DeliveryError | None]:
        course = Course(mail, about_to_send)
        session = await self._pool.acquire()
        try:
            while course.choose(session, self._recipients.now):
                transaction = await self._transaction(session, mail, course)
                try:
                    return course.results(session, await transaction.run())
                except NothingSent as nothing:
                    # The server wants no more over this connection: no attempt is spent.
                    self._learn(session, nothing)
                    if not course.goes_on(session, nothing, transaction.most_recipients):
                        failure = course.give_up(nothing)
                        return course.results(session, [failure] * len(course.asked))
                    session = await self._next_session(session, nothing)
                finally:
                    if transaction.most_recipients is not None:
                        self._recipients.lower(transaction.most_recipients)
            return course.results(session, [])
        except DeliveryError:
            raise
        except BaseException:
            # Cancelled in the middle, say: what the server says next would answer something else.
            session.abort()
            raise
        finally:
            self._pool.release(session)

    async def _next_session(self, session: Session, nothing: NothingSent) -> Session:
        if isinstance(nothing, TooManyRecipients) and session.is_open:
            return session
        return await self._pool.renew(session, is_crowded=nothing.limit is Limit.CONNECTIONS)

    def _learn(self, session: Session, nothing: NothingSent) -> None:
        if nothing.limit is Limit.SESSION and session.mails_sent:
            self._pool.learn_mails(session)
        if isinstance(nothing, TooManyRecipients):
            self._recipients.halve(nothing.count)
        if isinstance(nothing, PipeliningBroken) and self._pipelines:
            self._pipelines = False
            log.warning("relay breaks pipelining", relay=self._relay, detail=str(nothing))
        elif not (session.pipelining or session.is_open or session.reused):
            self._pipelines = True  # it fails one by one, too

    async def _transaction(
        self, session: Session, mail: OutgoingMail, course: Course
    ) -> Transaction:
        """What sends the mail over this connection to those whom the course has chosen."""
        session.pipelining &= self._pipelines
        extensions = session.extensions
        eight_bit = "8bitmime" in extensions
        utf8 = "smtputf8" in extensions
        payload = await self._composer.write(mail, eight_bit=eight_bit, utf8=utf8)
        parameters = ""
        if "size" in extensions:  # RFC 1870
            limit = extensions["size"]
            if limit.isdigit() and 0 < int(limit) < len(payload):
                raise Permanent(
                    f"the mail has {len(payload)} bytes, {session.server} takes {limit} at most",
                    reason=FailureReason.CONTENT_REFUSED,
                )
            parameters += f" SIZE={len(payload)}"
        is_ascii = payload.isascii()
        if eight_bit and not is_ascii:
            parameters += " BODY=8BITMIME"
        sender = mail.envelope_from.wire
        # Names and subjects are encoded, so headers hold only what RFC 6531 is for: addresses.
        is_ascii = is_ascii or payload[: payload.index(b"\r\n\r\n")].isascii()
        if not (is_ascii and sender.isascii() and all(map(str.isascii, course.asked))):
            parameters += " SMTPUTF8"
        mailing = Mailing(
            sender=sender, recipients=course.asked, payload=payload, parameters=parameters
        )
        return Transaction(session, mailing, self._timeouts, course.about_to_send)
