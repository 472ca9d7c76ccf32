"""Try few logins with credentials that may be wrong: a relay locks an account after some of
them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import nullcontext
from typing import TypeVar

from domain.errors import Unavailable

FIRST_REST = 10.0
# Seconds after a refused login in which no other is tried with the same credentials. They grow
# with each, and are shorter than the pauses of the channel: a mail that goes over a connection
# still open ends such a pause, and must not make way for one login after the other.
_LONGEST_REST = 840.0

# Seconds after a login for which the credentials are taken to be good.
_STALE = 60.0

_T = TypeVar("_T")


class SignInGate:
    """Lets logins through one by one until one has succeeded, then all at once.

    For a while after a refused login those who wait, and those who come, get the same refusal
    without a login of their own. Other credentials begin again.
    """

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._credentials: Hashable = None
        self._good_until = 0.0
        self._refused_until = 0.0
        self._refusal = ""
        self._rest = 0.0

    async def open(
        self,
        connect: Callable[[], Awaitable[_T]],
        credentials: Hashable,
        now: Callable[[], Hashable],
    ) -> _T:
        """What `connect` returns, having signed in with `credentials`; `now` says which they would
        be by now. Raises what it raises."""
        time = asyncio.get_running_loop().time
        if credentials != self._credentials:
            self._credentials = credentials
            self._good_until = self._refused_until = self._rest = 0.0

        def have_changed() -> bool:
            return now() != credentials

        async with nullcontext() if time() < self._good_until else self._one:
            if credentials == self._credentials and time() < self._refused_until:
                raise Unavailable(self._refusal, is_login=True, changed=have_changed)
            try:
                session = await connect()
            except Unavailable as error:
                error.changed = have_changed
                if error.is_login and credentials == self._credentials:
                    self._refusal = str(error)
                    self._good_until = 0.0
                    self._rest = min(max(self._rest * 2, FIRST_REST), _LONGEST_REST)
                    self._refused_until = time() + self._rest
                raise
            if credentials == self._credentials:
                self._good_until = time() + _STALE
                self._rest = 0.0
            return session
