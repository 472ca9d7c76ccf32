"""Check a recipient's address at Slack, and find the user of an email address."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from adapters.channels.shared.recent import Recent
from domain.errors import FailureReason, Permanent

MOST_KNOWN = 10_000
KNOWN_FOR = 3600.0

_ID = re.compile(r"[CDGUW][A-Z0-9]{5,20}")
_CHANNEL_NAME = re.compile(r"#[^\s#<>&@,]{1,80}")
_EMAIL = re.compile(r"[^\s@<>,]{1,64}@[^\s@<>,]{1,255}")


def is_id(address: str) -> bool:
    """Whether it is the id of a channel or a user."""
    return _ID.fullmatch(address) is not None


def is_email(address: str) -> bool:
    """Whether `address` must be looked up. Raises Permanent with reason RECIPIENT_INVALID for one
    that is neither an id (`C…`, `G…`, `D…`, `U…`, `W…`) nor `#name` nor an email address."""
    if is_id(address) or _CHANNEL_NAME.fullmatch(address):
        return False
    if _EMAIL.fullmatch(address):
        return True
    raise Permanent(
        f"{address!r} is no address at Slack: give a channel's or a user's id, #name or an email "
        "address",
        reason=FailureReason.RECIPIENT_INVALID,
    )


class People:
    """User ids by email address, as `look_up` finds them: kept for `KNOWN_FOR` seconds, at most
    `MOST_KNOWN`. What it raises is let through and not kept."""

    def __init__(
        self,
        look_up: Callable[[str], Awaitable[str]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known = Recent[str, tuple[str, float]](MOST_KNOWN)
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def id_of(self, email: str) -> str:
        """The user's id. Many who ask for one address at once cost one look-up."""
        email = email.lower()
        lock = self._asking.setdefault(email, asyncio.Lock())
        async with lock:
            found, until = self._known.get(email, ("", 0.0))
            if not found or until <= self._clock():
                found = await self._look_up(email)
                self._known[email] = (found, self._clock() + KNOWN_FOR)
            return found

    def forget(self, email: str) -> None:
        """Ask again the next time: Slack does not know the id any more."""
        self._known.pop(email.lower(), None)
