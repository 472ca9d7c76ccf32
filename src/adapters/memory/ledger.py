"""A ledger in a dict: what it knows ends with the process."""

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

from domain.delivery import Delivery
from domain.ledger import Claim, ClaimLost, LedgerUnavailable, RecipientState, Start
from domain.ledger_rules import Row, RowState, Verdict, judge

RETENTION: Final = timedelta(days=14)
RETRY_AFTER: Final = 0.1

_Key = tuple[str, str, bool]
_K = TypeVar("_K")


@dataclass(slots=True, kw_only=True, eq=False)
class _Entry:
    id: int
    key: _Key
    recipient: str
    fingerprint: str
    claim: Claim
    owner: int
    session: str
    written_at: float
    state: RowState = RowState.STARTED
    takeovers: int = 0


@dataclass(slots=True, eq=False)
class MemoryStore:
    """What several MemoryLedgers of one process share, as workers share a file."""

    by_key: dict[_Key, list[_Entry]] = field(default_factory=dict)
    by_claim: dict[Claim, list[_Entry]] = field(default_factory=dict)
    by_age: dict[int, _Entry] = field(default_factory=dict)
    living: set[int] = field(default_factory=set)
    ended: dict[str, float] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def add(self, entry: _Entry) -> None:
        """Store a new entry."""
        self.by_key.setdefault(entry.key, []).append(entry)
        self.by_claim.setdefault(entry.claim, []).append(entry)
        self.by_age[entry.id] = entry

    def forget(self, entries: Iterable[_Entry]) -> None:
        """Remove entries from everywhere."""
        for entry in list(entries):
            del self.by_age[entry.id]
            _drop(self.by_key, entry.key, entry)
            self.unclaim(entry)

    def unclaim(self, entry: _Entry) -> None:
        """Its start has ended; what it wrote stays."""
        _drop(self.by_claim, entry.claim, entry)

    def is_free(self, entry: _Entry) -> bool:
        """Whether the session that delivered it has ended."""
        return entry.session in self.ended or entry.owner not in self.living

    def purge(self, before: float) -> None:
        """Forget what was written before this time and is not in hand anywhere."""
        for entry in list(itertools.takewhile(_older_than(before), self.by_age.values())):
            if entry.state is RowState.SENT or entry.owner not in self.living:
                self.forget([entry])
        for session in list(
            itertools.takewhile(lambda name: self.ended[name] < before, self.ended)
        ):
            del self.ended[session]


class MemoryLedger:
    """The DeliveryLedger contract without storage."""

    def __init__(
        self,
        store: MemoryStore | None = None,
        *,
        retention: timedelta = RETENTION,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`store` is shared by the ledgers that are to know of each other; a ledger that is closed
        is a process that died. `retention`: how long it is known who was sent what."""
        self._store = MemoryStore() if store is None else store
        self._retention = retention.total_seconds()
        self._monotonic = monotonic
        self._owner = next(self._store.numbers)
        self._store.living.add(self._owner)
        self._recovered: set[Claim] = set()
        self._is_closed = False

    async def start(self, delivery: Delivery) -> Start:
        self._check()
        now = self._monotonic()
        self._store.purge(now - self._retention)
        key = _key(delivery)
        entries = {entry.id: entry for entry in self._store.by_key.get(key, ())}
        rows = [self._row(entry, delivery) for entry in entries.values()]
        verdict = judge(delivery, rows, has_recovered=self._has_recovered())
        claim = Claim(str(next(self._store.numbers)), delivery.has_id)
        self._apply(verdict, entries, delivery, claim, now)
        if verdict.taken:
            self._recovered.add(claim)
        return Start(
            claim=claim,
            states=verdict.states,
            is_recovered=bool(verdict.taken),
            retry_after=RETRY_AFTER if RecipientState.BUSY in verdict.states.values() else 0.0,
        )

    async def peek(self, delivery: Delivery) -> Mapping[str, RecipientState]:
        self._check()
        entries = self._store.by_key.get(_key(delivery), ())
        rows = [self._row(entry, delivery) for entry in entries]
        return judge(delivery, rows, has_recovered=self._has_recovered()).states

    async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
        self._check()
        entries = {entry.recipient: entry for entry in self._entries(claim)}
        if not entries.keys() >= set(recipients):
            raise ClaimLost("ledger in memory: this delivery was taken over; start it again")
        for recipient in recipients:
            entries[recipient].state = max(entries[recipient].state, RowState.SENDING)

    async def sent(self, claim: Claim, recipients: Sequence[str]) -> None:
        self._check()
        for entry in self._entries(claim):
            if entry.recipient in recipients:
                entry.state = RowState.SENT

    async def finish(self, claim: Claim, sent: Sequence[str]) -> None:
        await self.sent(claim, sent)
        entries = self._entries(claim)
        self._store.forget(entry for entry in entries if entry.state is not RowState.SENT)
        for entry in entries:
            if entry.state is RowState.SENT and claim.has_id:
                self._store.unclaim(entry)
        self._recovered.discard(claim)

    async def acked(self, claim: Claim) -> None:
        self._check()
        if not claim.has_id:
            self._store.forget(e for e in self._entries(claim) if not self._store.is_free(e))

    async def session_ended(self, session: str) -> None:
        self._check()
        self._store.ended[session] = self._monotonic()

    async def close(self) -> None:
        self._is_closed = True
        self._store.living.discard(self._owner)

    def _check(self) -> None:
        if self._is_closed:
            raise LedgerUnavailable("ledger in memory: it is closed")

    def _entries(self, claim: Claim) -> list[_Entry]:
        return list(self._store.by_claim.get(claim, ()))

    def _has_recovered(self) -> bool:
        entries = (entry for claim in self._recovered for entry in self._entries(claim))
        return any(entry.takeovers and entry.state is not RowState.SENT for entry in entries)

    def _row(self, entry: _Entry, delivery: Delivery) -> Row:
        return Row(
            id=entry.id,
            recipient=entry.recipient,
            fingerprint_fits=entry.fingerprint == delivery.fingerprint,
            state=entry.state,
            takeovers=entry.takeovers,
            process_lives=entry.owner in self._store.living,
            session_ended=self._store.is_free(entry),
            is_own=entry.owner == self._owner,
        )

    def _apply(
        self,
        verdict: Verdict,
        entries: dict[int, _Entry],
        delivery: Delivery,
        claim: Claim,
        now: float,
    ) -> None:
        self._store.forget(entries[id_] for id_ in verdict.forgotten)
        for id_ in (*verdict.taken, *verdict.used):
            entry = entries[id_]
            self._store.unclaim(entry)
            entry.claim, entry.owner, entry.session = claim, self._owner, delivery.session
            entry.takeovers += id_ in verdict.taken
            self._store.by_claim.setdefault(claim, []).append(entry)
        for recipient in verdict.fresh:
            self._store.add(
                _Entry(
                    id=next(self._store.numbers),
                    key=_key(delivery),
                    recipient=recipient,
                    fingerprint=delivery.fingerprint,
                    claim=claim,
                    owner=self._owner,
                    session=delivery.session,
                    written_at=now,
                )
            )


def _key(delivery: Delivery) -> _Key:
    return delivery.notification.channel, delivery.key, delivery.has_id


def _older_than(before: float) -> Callable[[_Entry], bool]:
    return lambda entry: entry.written_at < before


def _drop(index: dict[_K, list[_Entry]], key: _K, entry: _Entry) -> None:
    entries = index.get(key)
    if entries is None or entry not in entries:
        return
    entries.remove(entry)
    if not entries:
        del index[key]
