"""Connections that take the envelope of a mail before the mail before it is answered."""

from collections.abc import Callable

import structlog

from adapters.channels.email.session import Session

log = structlog.get_logger()


class EarlyEnvelopes:
    """Where a mail has left as a whole, the envelope of the next one may leave behind it (RFC 2920
    section 3.1), so that both need one write and one round trip.

    A relay that cannot take this must cost one mail at most. So the first one is a trial, and the
    other connections wait for its end.
    """

    def __init__(self, relay: str) -> None:
        """`relay`: its host and port, for the log."""
        self._relay = relay
        self._ready: dict[Session, None] = {}
        self._is_off = False
        self._is_proven = False
        self._trial: Session | None = None
        self._was_followed = False

    def may_begin(self) -> bool:
        """Whether a connection may be lent to a second mail."""
        return self._is_proven or (self._trial is None and not self._is_off)

    def offer(self, session: Session) -> None:
        """The next mail may have it."""
        self._ready[session] = None

    def take(self, may_lend: Callable[[Session], bool]) -> Session | None:
        """The connection that was offered first, of those that may still be lent."""
        while self._ready:
            session = next(iter(self._ready))
            del self._ready[session]
            if may_lend(session):
                return session
        return None

    def withdraw(self, session: Session) -> None:
        """The mail that has left is answered."""
        self._ready.pop(session, None)

    def begin(self, session: Session) -> None:
        """It is lent to a second mail."""
        if not self._is_proven:
            self._trial, self._was_followed = session, False

    def ended(self, session: Session, *, is_free: bool) -> None:
        """A mail is through with it. `is_free`: no other mail uses it."""
        self._ready.pop(session, None)
        if session is not self._trial:
            return
        if session.was_followed:
            self.stop(f"{session.server}: {session.lost}")
        elif is_free:
            self._is_proven = self._was_followed and session.lost is None
        else:
            self._was_followed = session.followed
        if is_free or self._is_off:
            self._trial = None

    def stop(self, reason: str) -> None:
        """The relay does not take it: send no further one."""
        self._is_proven = False
        if not self._is_off:
            self._is_off = True
            text = "relay takes no commands behind a mail"
            log.warning(text, relay=self._relay, detail=reason)
