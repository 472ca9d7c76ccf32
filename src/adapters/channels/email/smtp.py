"""The email channel over SMTP: a letter, a connection from the pool, one transaction."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog

from adapters.channels.email.addresses import needs_extension, not_carried
from adapters.channels.email.ceiling import Ceiling
from adapters.channels.email.connect import Connector
from adapters.channels.email.course import Course
from adapters.channels.email.endings import (
    Answers,
    Crowded,
    NothingSent,
    PipeliningBroken,
    TooManyRecipients,
)
from adapters.channels.email.limits import Limit
from adapters.channels.email.outgoing_mail import Composer, EmailDefaults, OutgoingMail
from adapters.channels.email.pool import Pool, PoolLimits
from adapters.channels.email.session import Session
from adapters.channels.email.sign_in import SignInGate
from adapters.channels.email.tokens import Tokens
from adapters.channels.email.transaction import Mailing, Timeouts, Transaction
from adapters.channels.email.url import SmtpSettings
from adapters.channels.email.verdicts import raise_if_unavailable
from adapters.channels.shared.learned import Fact, Learned
from domain.content import Content
from domain.errors import DeliveryError, FailureReason, NotYet, Permanent, Unavailable
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
    ) -> None:
        """`reread` gives the settings as they are now, and is asked before each connection: so a
        changed password needs no restart. `ehlo`, `tokens` and `in_hurry`: see `Connector`.
        `learned` keeps what the relay turns out to take.

        Raises ValueError when `ca_file` cannot be read or a default is no address.
        """
        self._composer = Composer(defaults or EmailDefaults())
        self._timeouts = timeouts or Timeouts()
        self._settings = settings
        self._reread = reread or (lambda: settings)
        self._tokens = tokens
        self._in_hurry = in_hurry
        self._new_connector = partial(
            Connector,
            ca_file=ca_file,
            timeouts=self._timeouts,
            ehlo=ehlo,
            tokens=tokens,
            in_hurry=in_hurry,
        )
        self._connector = self._new_connector(settings)
        self._sign_in = SignInGate()
        self._relay = f"{settings.host}:{settings.port}"
        self._learned = learned or Learned()
        limits = limits or PoolLimits()
        learn = partial(self._learned.note, self._relay)
        self._recipients = Ceiling(
            _MOST_RECIPIENTS, limits.more, partial(learn, Fact.MAIL_RECIPIENTS)
        )
        self._pipelines = True
        self._pool = Pool(self._open, limits, learn)

    async def _open(self) -> Session:
        settings = self._reread()
        if settings != self._settings:
            self._settings = settings
            self._connector = self._new_connector(settings)
        try:
            if settings.username is None:
                return await self._connector.open()
            return await self._sign_in.open(
                self._connector.open, self._credentials(settings), lambda: self._credentials(None)
            )
        except Crowded as crowded:
            if not self._in_hurry():
                raise
            raise Unavailable(str(crowded)) from None  # the other relay need not wait

    def _credentials(self, settings: SmtpSettings | None) -> Hashable:
        """What we sign in with, by `settings` or as they are now."""
        tokens = self._tokens.credentials() if self._tokens is not None else None
        return settings or self._reread(), tokens

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """Send one mail; see `Notifier.notify`."""
        letter = self._composer.compose(notification, content, recipients)
        results: dict[Recipient, DeliveryError | None] = dict(letter.refused)
        if letter.addressees:
            results |= await self._send(letter, about_to_send)
        return {recipient: results[recipient] for recipient in recipients}

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.check`."""
        return await self._composer.check(notification, content, recipients)

    async def close(self) -> None:
        """Say goodbye to the server; see `Notifier.close`."""
        await self._pool.close()
        if self._tokens is not None:
            await self._tokens.close()

    async def _send(
        self, letter: OutgoingMail, about_to_send: AboutToSend
    ) -> dict[Recipient, DeliveryError | None]:
        course = Course()
        session = await self._pool.acquire()
        try:
            while True:
                try:
                    return await self._transact(session, letter, about_to_send, course)
                except NothingSent as nothing:
                    # The server wants no more over this connection: no attempt is spent.
                    session = await self._next_session(session, nothing)
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

    async def _transact(
        self, session: Session, letter: OutgoingMail, about_to_send: AboutToSend, course: Course
    ) -> dict[Recipient, DeliveryError | None]:
        """One transaction. Raises NothingSent where another makes sense."""
        served, results = self._served(session, letter)
        chosen = course.choose(list(served), self._recipients.now)
        if not chosen:
            return results
        session.pipelining &= self._pipelines
        mailing = await self._mailing(session, letter, chosen)
        journal = _by_address(about_to_send, served, chosen)
        transaction = Transaction(session, mailing, self._timeouts, journal)
        try:
            answers = await transaction.run()
        except NothingSent as nothing:
            self._learn(session, nothing)
            course.note(chosen, nothing, transaction.most_recipients)
            is_left = not course.refused.keys() >= served.keys()
            if is_left and course.goes_on(is_fresh=not session.reused):
                raise
            answers = [course.give_up(nothing)] * len(chosen)
        finally:
            if transaction.most_recipients is not None:
                self._recipients.lower(transaction.most_recipients)
        raise_if_unavailable(answers)
        known = dict(zip(chosen, answers, strict=True)) | course.refused
        rest = NotYet(f"{session.server} takes {self._recipients.now} recipients of one mail")
        for address, group in served.items():
            results |= dict.fromkeys(group, known.get(address, rest))
        return results

    def _served(
        self, session: Session, letter: OutgoingMail
    ) -> tuple[dict[str, list[Recipient]], dict[Recipient, DeliveryError | None]]:
        """Whom this server can be asked for, by address, and the answers of the others."""
        utf8 = "smtputf8" in session.extensions
        for field, address in (
            ("from", letter.sender_address),
            ("envelope_from", letter.envelope_from),
        ):
            if address.needs_smtputf8 and not utf8:
                raise not_carried(session.server, field, FailureReason.SENDER_REFUSED)
        results: dict[Recipient, DeliveryError | None] = {}
        served: dict[str, list[Recipient]] = {}
        for recipient, address in letter.addressees:
            if address.needs_smtputf8 and not utf8:
                results[recipient] = not_carried(
                    session.server, recipient.address, FailureReason.RECIPIENT_INVALID
                )
            else:
                served.setdefault(address.wire, []).append(recipient)
        if served and not utf8 and letter.unshown_replies:
            log.warning(
                "reply address left out",
                id=letter.notification.id,
                template=letter.notification.template,
                detail=f"reply_to: {needs_extension(session.server)}",
            )
        return served, results

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

    async def _mailing(
        self, session: Session, letter: OutgoingMail, recipients: Sequence[str]
    ) -> Mailing:
        extensions = session.extensions
        utf8 = "smtputf8" in extensions
        eight_bit = "8bitmime" in extensions
        payload = await self._composer.write(letter, eight_bit=eight_bit, utf8=utf8)
        parameters = ""
        if "size" in extensions:  # RFC 1870
            limit = extensions["size"]
            if limit.isdigit() and 0 < int(limit) < len(payload):
                raise Permanent(
                    f"the mail has {len(payload)} bytes, {session.server} takes {limit} at most",
                    reason=FailureReason.CONTENT_REFUSED,
                )
            parameters += f" SIZE={len(payload)}"
        if eight_bit and not payload.isascii():
            parameters += " BODY=8BITMIME"
        # Names and subjects are encoded, so headers hold only what RFC 6531 is for: addresses.
        head = payload[: payload.index(b"\r\n\r\n")]
        addresses = (letter.envelope_from.wire, *recipients)
        if not (head.isascii() and all(map(str.isascii, addresses))):
            parameters += " SMTPUTF8"
        return Mailing(
            sender=letter.envelope_from.wire,
            recipients=recipients,
            payload=payload,
            parameters=parameters,
        )


def _by_address(
    about_to_send: AboutToSend, served: Mapping[str, list[Recipient]], chosen: Sequence[str]
) -> Callable[[Answers], Awaitable[None]]:
    """Names the recipients only where the mail leaves for a part of them."""

    async def about_to_send_some(answers: Answers) -> None:
        if len(chosen) == len(served) and not any(isinstance(a, NotYet) for a in answers):
            await about_to_send()
            return
        accepted = [a for a, answer in zip(chosen, answers, strict=True) if answer is None]
        await about_to_send([r for address in accepted for r in served[address]])

    return about_to_send_some
