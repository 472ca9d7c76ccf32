"""Connections that are given up: they say goodbye, and no mail waits for it."""

import asyncio
from collections.abc import Callable

from adapters.channels.email.session import Session

_PATIENCE = 2.0
"""Seconds for the relay's answer."""


class Goodbyes:
    """The connections that say goodbye now: they still count at the relay."""

    def __init__(self, has_left: Callable[[], None]) -> None:
        """`has_left` is called when one is closed."""
        self.tasks: set[asyncio.Task[None]] = set()
        self._has_left = has_left

    def dismiss(self, session: Session) -> None:
        """Say goodbye over it; one that is not open any more is dropped."""
        if not session.is_open:
            session.abort()
            return
        goodbye = asyncio.get_running_loop().create_task(session.quit(_PATIENCE))
        self.tasks.add(goodbye)
        goodbye.add_done_callback(self._ended)

    def _ended(self, goodbye: asyncio.Task[None]) -> None:
        self.tasks.discard(goodbye)
        self._has_left()
