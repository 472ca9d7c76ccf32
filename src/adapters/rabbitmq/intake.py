"""How many messages the broker may send ahead: few until their sizes are known, the whole prefetch
while they are small."""

from collections import deque
from enum import Enum

from adapters.inbound.in_hand import InHand

_RECENT = 32
"""Messages whose sizes are remembered."""
_CAUTION = 60.0
"""Seconds before a queue that brought large messages is trusted again: to take less, a consumer is
cancelled, and what was on its way to it counts as one more delivery."""


class Change(Enum):
    """What to do about the number of messages sent ahead."""

    MORE = "more"
    LESS = "less"


class Intake:
    """Decides for one queue. At most half of the bytes is used for what waits; the other half is
    for what is made of it."""

    def __init__(self, prefetch: int, *, largest: int, room: int, queues: int) -> None:
        """`largest`: bytes of the largest message. `room`: bytes of messages in hand, for all
        `queues` of the worker."""
        self.always = max(1, min(prefetch, room // (2 * largest * queues)))
        self.more = prefetch - self.always
        self._prefetch = prefetch
        self._room = room // 2
        self._recent: deque[int] = deque(maxlen=_RECENT)
        self._is_wide = False
        self._not_before = -float("inf")

    def begin(self) -> None:
        """A new channel: only the few are sent ahead."""
        self._is_wide = False

    def came(self, size: int, in_hand: InHand, now: float) -> Change | None:
        """A message of so many bytes came, and is in hand."""
        self._recent.append(size)
        if self._is_wide:
            if in_hand.size <= self._room:
                return None
            self._is_wide = False
            self._not_before = now + _CAUTION
            return Change.LESS
        if not self.more or now < self._not_before or len(self._recent) < self.always:
            return None
        if sum(self._recent) / len(self._recent) * self._prefetch > self._room:
            return None
        self._is_wide = True
        return Change.MORE
