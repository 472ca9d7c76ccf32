"""Finds out when the dead letters that an alert reported are gone."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.dead_letters.dead_letter import describe
from adapters.inbound.contract import (
    BrokerUnavailable,
    DeadLetters,
    Decision,
    InboundMessage,
    Keep,
    PublishRefused,
)
from domain.alerts import Alert, AlertPolicy
from domain.alerts import DeadLetterCause as Cause

PAUSE = 60.0
"""Seconds between two looks."""

CALM = 3
"""Looks in a row without a letter of the cause: an operator's command holds letters for a while,
and they cannot be seen meanwhile."""

READ_AT_MOST = 1000
"""Dead letters that are read to keep causes apart. Of more, only the end of all is noticed."""


@dataclass(frozen=True, slots=True)
class _Left:
    """What one look found in a queue: its dead letters by cause, as the replay command counts."""

    count: int
    causes: frozenset[Cause]

    def holds(self, cause: Cause) -> bool:
        return any(
            cause.reason in (None, left.reason)
            and cause.template in (None, left.template)
            and cause.channel in (None, left.channel)
            for left in self.causes
        )


@dataclass(slots=True, kw_only=True)
class AllClear:
    """Reports to the policy the causes of which no dead letter is left. It asks the broker for a
    number only, once a minute and while an alert is open; dead letters are read when that number
    has changed. `channels`: queue to channel."""

    policy: AlertPolicy
    dead_letters: DeadLetters
    channels: Mapping[str, str]
    _left: dict[str, _Left] = field(default_factory=dict, init=False)
    _open: Mapping[Cause, Alert] = field(default_factory=dict, init=False)
    _calm: Counter[Cause] = field(default_factory=Counter, init=False)

    async def look(self) -> None:
        """Look once, if there is an open alert. While the broker is away nothing is concluded."""
        before, self._open = self._open, self.policy.open_dead_letters
        for cause, alert in self._open.items():
            if before.get(cause) != alert:
                for queue in alert.queues:
                    self._left.pop(queue, None)
        try:
            queues = {queue for alert in self._open.values() for queue in alert.queues}
            left = {queue: await self._look_into(queue) for queue in queues}
        except (BrokerUnavailable, PublishRefused):
            self._calm.clear()
            return
        calm: Counter[Cause] = Counter()
        for cause, alert in self._open.items():
            found = [left[queue] for queue in alert.queues]
            is_gone = all(one is not None and not one.holds(cause) for one in found)
            calm[cause] = self._calm[cause] + 1 if is_gone else 0
            if calm[cause] >= CALM:
                self.policy.drained(cause)
        self._calm = calm

    async def _look_into(self, queue: str) -> _Left | None:
        """What is left in the dead letters of `queue`; None where that would cost too much."""
        count = await self.dead_letters.count(queue)
        known = self._left.get(queue)
        if known is not None and known.count == count:
            return known
        causes: set[Cause] = set()

        async def read(message: InboundMessage) -> Decision:
            letter = describe(message, self.channels)
            causes.add(
                Cause(reason=letter.reason, template=letter.template, channel=letter.channel)
            )
            await asyncio.sleep(0)  # a long row of letters must not hold up the mails
            return Keep.KEEP

        is_read = count == 0
        if 0 < count <= READ_AT_MOST:
            is_read = await self.dead_letters.visit(queue, read) == count
        if not is_read:  # too many, or another consumer holds some
            self._left.pop(queue, None)
            return None
        self._left[queue] = _Left(count, frozenset(causes))
        return self._left[queue]
