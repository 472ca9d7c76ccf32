"""Ledgers against a model of their contract, through random lives of random processes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.delivery import Delivery
from domain.ledger import Claim, ClaimLost, DeliveryLedger, RecipientState
from tests.contracts.ledger_harness import (
    ANN,
    BOB,
    BUSY,
    CLEAR,
    CONFLICT,
    ID,
    IN_DOUBT,
    POISON,
    SENT,
    changed,
)

Make = Callable[[], DeliveryLedger]
SESSIONS = ("s-1", "s-2", "s-3")
DELIVERIES = st.builds(
    partial(changed, ID),
    key=st.sampled_from(["k-1", "k-2"]),
    fingerprint=st.sampled_from(["f-1", "f-1", "f-1", "f-2"]),
    has_id=st.booleans(),
    session=st.sampled_from(SESSIONS),
    redelivered=st.booleans(),
    recipients=st.sampled_from([(ANN,), (ANN, BOB), (BOB,)]),
)
SOME = st.sampled_from([(), (ANN,), (BOB,), (ANN, BOB)])
PICK = st.integers(0, 1000)


@dataclass(eq=False)
class Known:
    """A row of the model."""

    delivery: Delivery
    to: str
    process: int
    claim: int
    session: str
    is_sent: bool = False
    is_doubtful: bool = False
    is_left: bool = False
    takeovers: int = 0


class Model:
    """The contract, as plainly as it can be said."""

    def __init__(self) -> None:
        self.rows: list[Known] = []
        self.dead: set[int] = set()
        self.ended: set[str] = set()

    def start(
        self, process: int, claim: int, delivery: Delivery
    ) -> tuple[dict[str, RecipientState], bool]:
        same = [
            row
            for row in self.rows
            if (row.delivery.key, row.delivery.has_id) == (delivery.key, delivery.has_id)
        ]
        if delivery.has_id and any(
            row.delivery.fingerprint != delivery.fingerprint for row in same
        ):
            return dict.fromkeys(delivery.addresses, CONFLICT), False
        picked = {
            to: self.pick(delivery, process, [r for r in same if r.to == to])
            for to in delivery.addresses
        }
        found = {to: self.state(row) for to, row in picked.items()}
        left = [row for row in picked.values() if row and not row.is_sent]
        stale = [row for row in left if not row.is_left]
        if BUSY not in found.values() and POISON in found.values():
            self.rows = [row for row in self.rows if row not in left]
            self.inherit(delivery, process, claim, [r for r in picked.values() if r and r.is_sent])
            return {to: SENT if known is SENT else POISON for to, known in found.items()}, False
        has_recovered = any(
            r.process == process and r.takeovers and not r.is_sent for r in self.rows
        )
        if BUSY in found.values() or (stale and has_recovered):
            keeps = delivery.has_id
            return {
                to: SENT if known is SENT and keeps else BUSY for to, known in found.items()
            }, False
        self.inherit(delivery, process, claim, [row for row in picked.values() if row])
        for row in stale:
            row.takeovers += 1
        for to, kept in picked.items():
            if kept is None:
                self.rows.append(Known(delivery, to, process, claim, delivery.session))
        return found, bool(stale)

    def pick(self, delivery: Delivery, process: int, rows: list[Known]) -> Known | None:
        if not delivery.has_id:
            if not delivery.redelivered:
                return None
            free = [row for row in rows if self.is_free(row)]
            rows = free or [row for row in rows if row.process != process]
        # Of sent rows the oldest: equal messages are interchangeable.
        rows = sorted(rows, key=lambda r: 2 if r.is_sent else int(r.process not in self.dead))
        return rows[0] if rows else None

    def is_free(self, row: Known) -> bool:
        return row.session in self.ended or row.process in self.dead

    def state(self, row: Known | None) -> RecipientState:
        if row is None:
            return CLEAR
        if not (row.delivery.has_id or self.is_free(row)):
            return BUSY
        if row.is_sent:
            return SENT
        if row.process not in self.dead and not row.is_left:
            return BUSY
        if row.takeovers == 2:
            return POISON
        return IN_DOUBT if row.is_doubtful else CLEAR

    def inherit(self, delivery: Delivery, process: int, claim: int, rows: list[Known]) -> None:
        for row in rows:
            if not (row.is_sent and delivery.has_id):
                row.process, row.claim, row.session = process, claim, delivery.session
                row.is_left = False

    def of(self, claim: int) -> list[Known]:
        return [row for row in self.rows if row.claim == claim]

    def sending(self, claim: int, recipients: tuple[str, ...]) -> bool:
        """Whether the claim holds them all; that of a finished delivery with an id holds none."""
        mine = [row for row in self.of(claim) if row.to in recipients]
        if len(mine) != len(recipients):
            return False
        for row in mine:
            row.is_doubtful = True
        return True

    def sent(self, claim: int, recipients: tuple[str, ...]) -> None:
        for row in self.of(claim):
            row.is_sent = row.is_sent or row.to in recipients

    def finish(self, claim: int, sent: tuple[str, ...], in_doubt: tuple[str, ...]) -> None:
        self.sent(claim, sent)
        mine = self.of(claim)
        doubted = [row for row in mine if row.to in in_doubt and not row.is_sent]
        self.rows = [r for r in self.rows if r not in mine or r.is_sent or r in doubted]
        for row in doubted:
            row.is_left, row.is_doubtful, row.takeovers = True, True, 0
        for row in mine:
            if row.delivery.has_id and row not in doubted:
                row.claim = -1

    def acked(self, claim: int) -> None:
        mine, ended = self.of(claim), self.ended
        gone = [r for r in mine if (r.is_left if r.delivery.has_id else r.session not in ended)]
        self.rows = [row for row in self.rows if row not in gone]


class LedgerMachine(RuleBasedStateMachine):
    """`make` gives, for each ledger compared, a way to make processes at empty storage."""

    def make(self) -> list[Make]:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.makes = self.make()
        self.model = Model()
        self.processes: list[list[DeliveryLedger]] = []
        self.starts: list[tuple[int, list[Claim]]] = []
        self.born()

    def teardown(self) -> None:
        for processes in self.processes:
            for ledger in processes:
                self.runner.run(ledger.close())
        self.runner.close()

    @property
    def living(self) -> list[int]:
        return [n for n in range(len(self.processes)) if n not in self.model.dead]

    @property
    def claims(self) -> list[int]:
        return [n for n, (process, _) in enumerate(self.starts) if process in self.living]

    @precondition(lambda self: len(self.living) < 3)
    @rule()
    def born(self) -> None:
        self.processes.append([make() for make in self.makes])

    @precondition(lambda self: len(self.living) > 1)
    @rule(pick=PICK)
    def dies(self, pick: int) -> None:
        process = self.living[pick % len(self.living)]
        for ledger in self.processes[process]:
            self.runner.run(ledger.close())
        self.model.dead.add(process)

    @rule(pick=PICK, delivery=DELIVERIES)
    def start(self, pick: int, delivery: Delivery) -> None:
        process, claim = self.living[pick % len(self.living)], len(self.starts)
        answers = [self.runner.run(ledger.start(delivery)) for ledger in self.processes[process]]
        expected = self.model.start(process, claim, delivery)
        self.starts.append((process, [answer.claim for answer in answers]))

        for answer in answers:
            assert (dict(answer.states), answer.is_recovered) == expected

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, recipients=SOME)
    def sending(self, pick: int, recipients: tuple[str, ...]) -> None:
        claim = self.claims[pick % len(self.claims)]
        expected = self.model.sending(claim, recipients)

        for ledger, name in self.held(claim):
            assert self.runner.run(may_send(ledger, name, recipients)) == expected

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, recipients=SOME)
    def sent(self, pick: int, recipients: tuple[str, ...]) -> None:
        claim = self.claims[pick % len(self.claims)]
        self.model.sent(claim, recipients)
        for ledger, name in self.held(claim):
            self.runner.run(ledger.sent(name, recipients))

    @precondition(lambda self: self.claims)
    @rule(pick=PICK, recipients=SOME, in_doubt=SOME)
    def ends(self, pick: int, recipients: tuple[str, ...], in_doubt: tuple[str, ...]) -> None:
        claim = self.claims[pick % len(self.claims)]
        self.model.finish(claim, recipients, in_doubt)
        for ledger, name in self.held(claim):
            self.runner.run(_end(ledger, name, recipients, in_doubt))

    @precondition(lambda self: self.claims)
    @rule(pick=PICK)
    def acked(self, pick: int) -> None:
        claim = self.claims[pick % len(self.claims)]
        self.model.acked(claim)
        for ledger, name in self.held(claim):
            self.runner.run(ledger.acked(name))

    @rule(session=st.sampled_from(SESSIONS[:2]))
    def session_ended(self, session: str) -> None:
        self.model.ended.add(session)
        for ledger in self.processes[self.living[0]]:
            self.runner.run(ledger.session_ended(session))

    @invariant()
    def somebody_lives(self) -> None:
        assert self.living

    def held(self, claim: int) -> list[tuple[DeliveryLedger, Claim]]:
        process, names = self.starts[claim]
        return list(zip(self.processes[process], names, strict=True))


async def may_send(ledger: DeliveryLedger, claim: Claim, recipients: tuple[str, ...]) -> bool:
    try:
        await ledger.sending(claim, recipients)
    except ClaimLost:
        return False
    return True


async def _end(
    ledger: DeliveryLedger, claim: Claim, recipients: tuple[str, ...], in_doubt: tuple[str, ...]
) -> None:
    await ledger.finish(claim, recipients, in_doubt)
