"""What a mail holds while it is paced, and the rules that it is paced by."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.pace import Rate, Spacing, Turn

LONGEST_HOLD = 60.0
"""Seconds that a mail waits in hand for its turn; what would wait longer rests in the broker."""


@dataclass(slots=True)
class RelayPlace:
    """A mail's place in the queue; it keeps it when it is refused."""

    number: int
    since: float


@dataclass(slots=True, kw_only=True)
class Permit:
    """Leave to send one mail. `episode`: the pace's, at which it goes."""

    episode: int
    is_probe: bool = False
    turn: Turn | None = None
    spacing: Spacing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceRules:
    """`ceiling`: accepted mails at most. `longest_hold`: see LONGEST_HOLD."""

    ceiling: Rate | None = None
    longest_hold: float = LONGEST_HOLD
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
