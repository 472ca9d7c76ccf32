"""Who must not be written to, and how the dispatcher asks for it: while the list is away, all
deliveries wait."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Protocol, TypeVar

from domain.breaker import Breaker
from domain.delivery import Delivery
from domain.errors import DispatcherError, FailureReason
from domain.events import SUPPRESSIONS
from domain.ledger_access import absence
from domain.notification import Recipient
from domain.outcome import Rejected
from domain.ports import Clock, EventSink
from domain.turns import Caller

_T = TypeVar("_T")

Canonical = Callable[[str, str], str]
"""Channel and address -> the address as it is compared: two spellings of one address give the same
text. Raises ValueError for what is no address of that channel."""

NOT_LISTED: "Mapping[str, Suppression]" = MappingProxyType({})
"""No recipient is on the list."""


class SuppressionsUnavailable(DispatcherError):
    """The list cannot be read or written now; try again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that gets nothing on one channel, why, and since when. `address` is canonical."""

    channel: str
    address: str
    reason: str = ""
    since: date | None = None

    @property
    def error(self) -> str:
        """What a dead letter says: why, and the way back. It names no address."""
        since = f" since {self.since.isoformat()}" if self.since else ""
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"the address is suppressed{since}{why}; to send anyway: dispatcher suppress remove"
            f" ADDRESS --channel {self.channel}, then dispatcher failed retry ID"
        )

    def refuse(self, recipient: Recipient) -> Rejected:
        """The result for a recipient of this address. No attempt was made."""
        return Rejected(
            recipient=recipient,
            reason=FailureReason.SUPPRESSED,
            error=self.error,
            attempt_spent=False,
        )


class SuppressionStore(Protocol):
    """The list. Addresses are canonical. Each method raises SuppressionsUnavailable. Safe to use
    from several processes at once."""

    async def find(self, channel: str, addresses: Sequence[str]) -> Sequence[Suppression | None]:
        """Return the entry of each address, in their order; None where it is not on the list."""

    async def add(self, entry: Suppression) -> bool:
        """Store an entry; return once it is stored for good. False where the address is on the list
        already: that entry stays as it is, with its reason and date."""

    async def remove(self, channel: str, address: str) -> bool:
        """Take an address off the list; whether it was on it."""

    async def entries(self) -> Sequence[Suppression]:
        """Return the whole list, in no certain order."""

    async def close(self) -> None:
        """Let go of connections. May be called twice."""


class SuppressionAccess:
    """The list as the dispatcher uses it. A programming error in a store counts as an absence too:
    a message must not reach a person because the list could not be asked."""

    def __init__(
        self, store: SuppressionStore, canonical: Canonical, clock: Clock, events: EventSink
    ) -> None:
        """`events` gets `SUPPRESSIONS` as a trouble while the list is away."""
        self.store = store
        self.canonical = canonical
        self.breaker = Breaker(
            clock,
            SUPPRESSIONS,
            events,
            trips_on=SuppressionsUnavailable,
            longest_hold=math.inf,  # as for the ledger: nothing may be sent
        )

    async def among(self, delivery: Delivery, *, waits: bool = True) -> Mapping[str, Suppression]:
        """Return the entries of the delivery's recipients, by their addresses. While the list is
        away this waits; without `waits` it raises SuppressionsUnavailable."""
        channel = delivery.notification.channel
        wanted: dict[str, str] = {}
        for address in delivery.addresses:
            try:
                wanted[address] = self.canonical(channel, address)
            except ValueError:  # it is on no list, and is refused as invalid later
                continue
        if not wanted:
            return NOT_LISTED
        call = partial(self.store.find, channel, list(wanted.values()))
        found = await (self._insist(call) if waits else _translated(call))
        listed = {a: entry for a, entry in zip(wanted, found, strict=True) if entry is not None}
        return listed or NOT_LISTED

    async def _insist(self, call: Callable[[], Awaitable[_T]]) -> _T:
        if not self.breaker.is_open:
            try:
                return await call()
            except Exception as error:  # noqa: BLE001 - see the class
                self.breaker.trip(_absence(error), Caller())
        return await self.breaker.call(partial(_translated, call))


async def _translated(call: Callable[[], Awaitable[_T]]) -> _T:
    """Return the call's result. Raises SuppressionsUnavailable for an undocumented error."""
    try:
        return await call()
    except Exception as error:  # noqa: BLE001 - see SuppressionAccess
        raise _absence(error)  # noqa: B904 - it has its cause


def _absence(error: Exception) -> DispatcherError:
    return absence(error, SuppressionsUnavailable, "the list of suppressions")
