"""The email channel over SMTP: a mail, a connection from the pool, at the pace of the relay."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import structlog

from adapters.channels.email.bounds import Ceiling, PoolLimits
from adapters.channels.email.connect import Connector
from adapters.channels.email.course import Course
from adapters.channels.email.limits import (
    Limit,
    NothingSent,
    OutOfLine,
    PipeliningBroken,
    TooManyRecipients,
)
from adapters.channels.email.outgoing_mail import Composer
from adapters.channels.email.pool import Pool
from adapters.channels.email.session import Session
from adapters.channels.email.tokens import Tokens
from adapters.channels.email.transaction import Timeouts
from adapters.channels.email.url import SmtpSettings
from adapters.channels.shared.learned import Fact, Learned
from domain.content import Content
from domain.errors import DeliveryError
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, proceed

# A message has no more.
_MOST_RECIPIENTS = 500

_Mail = tuple[Notification, Content, Sequence[Recipient], AboutToSend]

log = structlog.get_logger()


class SmtpNotifier:
    """Sends mail through one relay, over a pool of kept connections."""

    one_by_one = False

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        composer: Composer | None = None,
        ca_file: Path | None = None,
        ehlo: str | None = None,
        tokens: Tokens | None = None,
        in_hurry: Callable[[], bool] = lambda: False,
        limits: PoolLimits | None = None,
        timeouts: Timeouts | None = None,
        reread: Callable[[], SmtpSettings] | None = None,
        learned: Learned | None = None,
    ) -> None:
        """`ehlo`, `tokens`, `in_hurry` and `reread`: see `Connector`. `learned` keeps what the
        relay turns out to take.

        Raises ValueError when `ca_file` cannot be read.
        """
        self._composer = composer or Composer()
        self.check = self._composer.check
        self._timeouts = timeouts or Timeouts()
        self._connector = Connector(
            settings, ca_file, self._timeouts, ehlo, tokens, in_hurry=in_hurry, reread=reread
        )
        self._relay = f"{settings.host}:{settings.port}"
        limits = limits or PoolLimits()
        learned = learned or Learned()
        learn = partial(learned.note, self._relay)
        self._recipients = Ceiling(
            _MOST_RECIPIENTS, limits.more, partial(learn, Fact.MAIL_RECIPIENTS)
        )
        self._pipelines = True
        self._pool = Pool(self._connector.open, limits, learn)
        learned.pools.append((self._relay, self._pool.use))

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        """Send one mail; see `Notifier.notify`."""
        mail = self._composer.compose(notification, content, recipients)
        if not mail.addressees:
            return mail.refused
        course = Course(mail, about_to_send, self._timeouts, self._pool.share)
        session, is_held = await self._pool.acquire(), True
        try:
            while course.choose(session, self._recipients.now):
                session.pipelining &= self._pipelines
                offers = session.extensions
                payload = await self._composer.write(
                    mail, eight_bit="8bitmime" in offers, utf8="smtputf8" in offers
                )
                try:
                    return course.results(session, await course.send(session, payload))
                except NothingSent as nothing:  # no attempt is spent
                    self._learn(session, nothing, course)
                    if not course.goes_on(session, nothing):
                        failure = course.give_up(nothing)
                        return course.results(session, [failure] * len(course.asked))
                    is_held = False  # where the next line raises
                    session, is_held = await self._next_session(session, nothing), True
            return course.results(session, [])
        except BaseException as error:
            # Cancelled in the middle, say: what the server says next would answer something else.
            if is_held and not isinstance(error, DeliveryError):
                session.leave()
            raise
        finally:
            if course.most_recipients is not None:
                self._recipients.lower(course.most_recipients)
            if is_held:
                self._pool.release(session)

    async def close(self) -> None:
        """Say goodbye to the server; see `Notifier.close`."""
        await self._pool.close()
        await self._connector.close()

    async def _next_session(self, session: Session, nothing: NothingSent) -> Session:
        is_ours = session.is_open and session.in_hand == 1
        if is_ours and isinstance(nothing, TooManyRecipients | OutOfLine):
            return session
        return await self._pool.renew(session, is_crowded=nothing.limit is Limit.CONNECTIONS)

    def _learn(self, session: Session, nothing: NothingSent, course: Course) -> None:
        if course.most_recipients is not None:
            self._recipients.lower(course.most_recipients)
        if nothing.limit is Limit.SESSION and session.mails_sent:
            self._pool.mails.lower(session.mails_sent)
        if isinstance(nothing, TooManyRecipients):
            self._recipients.halve(nothing.count)
        was_early = session.was_second and session.was_silent
        if isinstance(nothing, OutOfLine) and was_early and self._pool.shares:
            self._pool.shares = False
            log.warning("relay loses early commands", relay=self._relay, detail=str(nothing))
        elif isinstance(nothing, PipeliningBroken) and self._pipelines:
            self._pipelines = self._pool.shares = False
            log.warning("relay breaks pipelining", relay=self._relay, detail=str(nothing))
        elif not (session.pipelining or session.is_open or session.reused):
            self._pipelines = True  # it fails one by one, too
