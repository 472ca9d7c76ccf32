"""Who must not be written to, and how the dispatcher asks for it: while the list is away, all
deliveries wait."""

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from types import MappingProxyType
from typing import Protocol, TypeVar, final

from domain.breaker import Breaker
from domain.channel_sender import ChannelSender
from domain.content import Content
from domain.delivery import Delivery
from domain.errors import DeliveryError, DispatcherError, FailureReason, Permanent
from domain.events import SUPPRESSIONS, SUPPRESSIONS_WRITE
from domain.ledger import RecipientState
from domain.ledger_access import SendRecord, absence
from domain.notification import Notification, Recipient
from domain.outcome import Rejected
from domain.ports import Answers, AskAgain, Clock, EventSink
from domain.turns import Caller
from domain.value_object import value_object

_LONGEST_REASON = 200
"""Characters of it in an error, so that there is room for what another channel has said."""

_T = TypeVar("_T")

Canonical = Callable[[str, str], str]
"""Channel and address -> the address as it is compared: two spellings of one address give the same
text. Raises ValueError for what is no address of that channel."""

NOT_LISTED: "Mapping[str, Suppression]" = MappingProxyType({})
"""No recipient is on the list."""


class ChannelUnknown(ValueError):
    """There is no such channel."""


class SuppressionsUnavailable(DispatcherError):
    """The list cannot be read or written now; try again later."""


class EntryInvalid(DispatcherError):
    """The list cannot keep this entry; no other is concerned."""


@value_object(kw_only=True)
class Suppression:
    """An address that gets nothing on one channel, why, and since when. `address` is canonical."""

    channel: str
    address: str
    reason: str = ""
    since: date | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one entry of the list."""
        return self.channel, self.address

    @property
    def error(self) -> str:
        """What a dead letter says: why, and the way back. It names no address."""
        text = (
            "the address is suppressed; to send anyway: dispatcher suppress remove ADDRESS"
            f" --channel {self.channel}, then dispatcher failed retry ID"
        )
        since = f" since {self.since.isoformat()}" if self.since else ""
        cut = f"{self.reason[: _LONGEST_REASON - 1]}…"
        reason = self.reason if len(self.reason) <= _LONGEST_REASON else cut
        why = f" ({reason})" if reason else ""
        # The way back stands first: an error is cut where it is too long for a header.
        return f"{text}; on the list{since}{why}" if since or why else text

    def refuse(self, recipient: Recipient) -> Rejected:
        """The result for a recipient of this address. No attempt was made."""
        reason, error = FailureReason.SUPPRESSED, self.error
        return Rejected(recipient=recipient, reason=reason, error=error, attempt_spent=False)


class SuppressionStore(Protocol):
    """The list. Addresses are canonical. Each method raises SuppressionsUnavailable. Safe to use
    from several processes at once. `keeps_for`: how old an answer may be when a mail leaves."""

    @property
    def keeps_for(self) -> timedelta: ...

    async def find(self, channel: str, addresses: Sequence[str]) -> Sequence[Suppression | None]:
        """Return the entry of each address, in their order; None where it is not on the list."""

    async def add(self, entries: Sequence[Suppression]) -> Sequence[bool]:
        """Store entries; return once all are stored for good. False where the address is on the
        list already: that entry stays as it is, with its reason and date. Raises EntryInvalid, and
        stores nothing, where one of them cannot be kept."""

    async def remove(self, channel: str, addresses: Sequence[str]) -> Sequence[bool]:
        """Take addresses off the list; whether each was on it."""

    async def entries(self) -> Sequence[Suppression]:
        """Return the whole list, in no certain order."""

    async def may_evict(self) -> bool:
        """Return whether the place where it is kept may drop entries by itself."""

    async def close(self) -> None:
        """Let go of connections. May be called twice."""


class SuppressionAccess:
    """The list as the dispatcher uses it. A programming error in a store counts as an absence too:
    a message must not reach a person because the list could not be asked."""

    def __init__(
        self, store: SuppressionStore, canonical: Canonical, clock: Clock, events: EventSink
    ) -> None:
        """`events` gets `SUPPRESSIONS` as a trouble while the list is away, and
        `SUPPRESSIONS_WRITE` while it takes no entry."""
        self.store = store
        self.canonical = canonical
        self.clock = clock
        # As for the ledger: nothing may be sent, and no address may be lost, however long it takes.
        new = partial(Breaker, trips_on=SuppressionsUnavailable, longest_hold=math.inf)
        self.breaker = new(clock, SUPPRESSIONS, events)
        self._writing = new(clock, SUPPRESSIONS_WRITE, events)

    async def among(
        self, channel: str, addresses: Iterable[str], *, waits: bool = True
    ) -> Mapping[str, Suppression]:
        """Return the entries of those of the addresses that are listed. While the list is away this
        waits; without `waits` it raises SuppressionsUnavailable."""
        wanted: dict[str, str] = {}
        for address in addresses:
            try:
                wanted[address] = self.canonical(channel, address)
            except ValueError:  # it is on no list
                continue
        if not wanted:
            return NOT_LISTED
        call = partial(self.store.find, channel, list(wanted.values()))
        found = await (_insist(self.breaker, call) if waits else _translated(call))
        listed = {a: entry for a, entry in zip(wanted, found, strict=True) if entry is not None}
        return listed or NOT_LISTED

    async def ask(self, delivery: Delivery) -> "Listing":
        """Return what the list says of the delivery's recipients. While it is away this waits."""
        listing = Listing(self, delivery)
        await listing.refresh()
        return listing

    async def add(self, entry: Suppression) -> bool:
        """Store an entry for good; whether it is a new one. While that cannot be done this
        waits."""
        [is_new] = await _insist(self._writing, partial(self.store.add, [entry]))
        return is_new


@final
class Listing:
    """What the list said of a delivery's recipients, and when. It may change while the delivery
    waits, so it is asked again before a mail leaves."""

    def __init__(self, access: SuppressionAccess, delivery: Delivery) -> None:
        self._access = access
        self._channel = delivery.notification.channel
        self._addresses = delivery.addresses
        self.entries: Mapping[str, Suppression] = NOT_LISTED
        """By the recipients' addresses."""
        self._states: Mapping[str, RecipientState] = {}

    async def refresh(self) -> None:
        """Ask for all recipients. While the list is away this waits."""
        self.entries = await self._access.among(self._channel, self._addresses)
        self._asked_at = self._access.clock.now()

    async def check(self, addresses: Sequence[str]) -> None:
        """Raise AskAgain where the mail to these waited, and one of them is listed now or the list
        is away."""
        if timedelta(0) <= self._access.clock.now() - self._asked_at < self._access.store.keeps_for:
            return
        try:
            if not await self._access.among(self._channel, addresses, waits=False):
                return
        except SuppressionsUnavailable:
            pass  # not to be waited for while a connection to the provider is held
        raise AskAgain

    def through(
        self, sender: ChannelSender, states: Mapping[str, RecipientState]
    ) -> Callable[..., Awaitable[Answers]]:
        """Return what sends as the sender does, but not to recipients who have come onto the list
        meanwhile. `states`: what the ledger says of them, by address."""
        self._states = states
        return partial(self._send, sender)

    async def _send(
        self,
        sender: ChannelSender,
        mail: Notification,
        content: Content,
        people: Sequence[Recipient],
        record: SendRecord,
    ) -> Answers:
        answers: dict[Recipient, DeliveryError | None] = {}
        rest = tuple(people)
        record.check_list = self.check
        while rest:
            try:
                record.check()  # the list may have been away for long
                return {**answers, **await sender.send(mail, content, rest, record)}
            except AskAgain as again:
                answers |= again.answers
                record.answers = ()  # nothing is on its way
            except DeliveryError as error:
                return {**answers, **dict.fromkeys(rest, error)}
            await self.refresh()
            listed = [r for r in rest if r.address in self.entries and r not in answers]
            answers |= {r: self._refusal(r.address) for r in listed}
            rest = tuple([r for r in rest if r not in answers])
        return answers

    def _refusal(self, address: str) -> Permanent:
        if self._states.get(address) is RecipientState.IN_DOUBT:
            text = "it may have been sent before, and by now the address is suppressed"
            return Permanent(text, reason=FailureReason.IN_DOUBT)
        return Permanent(self.entries[address].error, reason=FailureReason.SUPPRESSED)


async def _insist(breaker: Breaker, call: Callable[[], Awaitable[_T]]) -> _T:
    if not breaker.is_open:
        try:
            return await call()
        except Exception as error:  # noqa: BLE001 - see SuppressionAccess
            breaker.trip(_absence(error), Caller())
    return await breaker.call(partial(_translated, call))


async def _translated(call: Callable[[], Awaitable[_T]]) -> _T:
    """Return the call's result. Raises SuppressionsUnavailable for an undocumented error."""
    try:
        return await call()
    except Exception as error:  # noqa: BLE001 - see SuppressionAccess
        raise _absence(error)  # noqa: B904 - it has its cause


def _absence(error: Exception) -> DispatcherError:
    return absence(error, SuppressionsUnavailable, "the list of suppressions")
