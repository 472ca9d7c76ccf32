"""Nobody is told twice: the dispatcher with its deliveries kept in a ledger."""

import asyncio
from collections.abc import Sequence

from adapters.memory.ledger import MemoryLedger, MemoryStore
from domain.content import Envelope, InDoubtPolicy
from domain.dispatcher import Progress
from domain.errors import FailureReason, Permanent, Transient
from domain.ledger import Claim, LedgerUnavailable, Sight, Start
from domain.notification import Notification
from domain.once import OnceDispatcher
from domain.outcome import Deferred, Outcome, Rejected, Sent
from tests.fakes import a_notification
from tests.unit.domain.house import ANN, BOB, House

PEOPLE = ("ann@example.com", "bob@example.com")


class Worker:
    """One process: a house of its own over a store that outlives it."""

    def __init__(self, store: MemoryStore, **settings: object) -> None:
        self.house = House(**settings)
        self.ledger = MemoryLedger(store)
        self.pauses: list[tuple[str, str | None]] = []
        self.once = OnceDispatcher(
            dispatcher=self.house.dispatcher,
            ledger=self.ledger,
            clock=self.house.clock,
            on_pause=lambda name, error: self.pauses.append((name, error)),
        )

    def dispatch(self, notification: Notification, sight: Sight | None = None) -> Outcome:
        outcome, _claim = asyncio.run(
            self.once.dispatch(notification, Progress(), sight or a_sight(notification))
        )
        return outcome

    def die_with(self, sight: Sight, *, sending: bool = False) -> None:
        """Start, perhaps let the payload leave, and be no more."""

        async def last_moments() -> None:
            start = await self.ledger.start(sight)
            if sending:
                await self.ledger.sending(start.claim, list(start.standings))
            await self.ledger.close()

        asyncio.run(last_moments())


def a_sight(notification: Notification, **changes: object) -> Sight:
    values: dict[str, object] = {
        "channel": notification.channel,
        "key": notification.id,
        "fingerprint": "body",
        "has_id": True,
        "session": "s-1",
        "redelivered": False,
        "recipients": tuple(r.address for r in notification.recipients),
    }
    return Sight(**{**values, **changes})


def test_the_same_message_again_is_sent_to_nobody() -> None:
    worker = Worker(MemoryStore())
    notification = a_notification(to=PEOPLE)

    first = worker.dispatch(notification)
    second = worker.dispatch(notification)

    assert first.results == (Sent(recipient=ANN), Sent(recipient=BOB))
    assert second.results == (
        Sent(recipient=ANN, earlier=True),
        Sent(recipient=BOB, earlier=True),
    )
    assert worker.house.notifier.calls == 1


def test_the_same_id_with_another_body_is_a_conflict() -> None:
    worker = Worker(MemoryStore())
    notification = a_notification()
    worker.dispatch(notification)

    outcome = worker.dispatch(notification, a_sight(notification, fingerprint="other"))

    [rejected] = outcome.rejected
    assert rejected.reason is FailureReason.CONFLICT
    assert outcome.attempt == 1
    assert worker.house.notifier.calls == 1


def test_only_those_who_have_not_got_it_are_tried_again() -> None:
    worker = Worker(MemoryStore())
    notification = a_notification(to=PEOPLE)
    worker.house.notifier.refusals = {"bob@example.com": Transient("later")}
    first = worker.dispatch(notification)
    worker.house.notifier.refusals = {}

    second = worker.dispatch(notification)

    assert [type(r) for r in first.results] == [Sent, Deferred]
    assert second.results == (Sent(recipient=ANN, earlier=True), Sent(recipient=BOB))
    assert worker.house.notifier.addresses == list(PEOPLE)


def test_what_was_refused_may_be_sent_later_under_the_same_id() -> None:
    worker = Worker(MemoryStore())
    notification = a_notification()
    reason = FailureReason.CONTENT_REFUSED
    worker.house.notifier.failures = [Permanent("too large", reason=reason)]

    refused = worker.dispatch(notification)
    replayed = worker.dispatch(notification)

    assert (len(refused.rejected), len(replayed.sent)) == (1, 1)


def test_a_process_that_died_before_the_payload_left_puts_nothing_in_doubt() -> None:
    store = MemoryStore()
    notification = a_notification()
    Worker(store).die_with(a_sight(notification))
    next_worker = Worker(store, in_doubt=InDoubtPolicy.HOLD)

    outcome = next_worker.dispatch(notification, a_sight(notification, redelivered=True))

    assert outcome.results == (Sent(recipient=outcome.sent[0].recipient),)


def test_a_payload_on_its_way_when_the_process_died_is_in_doubt_by_policy() -> None:
    for policy, of_template, held in (
        (InDoubtPolicy.RESEND, None, False),
        (InDoubtPolicy.HOLD, None, True),
        (InDoubtPolicy.RESEND, InDoubtPolicy.HOLD, True),
        (InDoubtPolicy.HOLD, InDoubtPolicy.RESEND, False),
    ):
        store = MemoryStore()
        notification = a_notification()
        sight = a_sight(notification)
        Worker(store).die_with(sight, sending=True)
        next_worker = Worker(store, in_doubt=policy)
        next_worker.house.renderer.envelope = Envelope(in_doubt=of_template)

        outcome = next_worker.dispatch(notification, sight)
        replayed = next_worker.dispatch(notification, sight)

        assert bool(outcome.rejected) is held
        assert all(r.reason is FailureReason.IN_DOUBT for r in outcome.rejected)
        assert replayed.sent[0].earlier is not held  # a person who replays it means it


def test_what_kills_its_process_is_poison_at_the_third_death_and_neighbours_are_sent() -> None:
    store = MemoryStore()
    bad, good = a_notification(id="bad"), a_notification(id="good")
    first = Worker(store)

    async def both_in_flight() -> None:
        await first.ledger.start(a_sight(bad))
        await first.ledger.start(a_sight(good))
        await first.ledger.close()

    asyncio.run(both_in_flight())
    Worker(store).die_with(a_sight(bad))
    Worker(store).die_with(a_sight(bad))
    survivor = Worker(store)

    assert survivor.dispatch(good).sent
    [rejected] = survivor.dispatch(bad).rejected
    assert rejected.reason is FailureReason.POISON
    assert survivor.dispatch(bad).sent  # a replay begins anew


def test_a_suspect_runs_with_no_other_suspect_beside_it() -> None:
    store = MemoryStore()
    notifications = [a_notification(id=f"n-{n}") for n in range(5)]
    for notification in notifications:
        Worker(store).die_with(a_sight(notification))
    worker = Worker(store)
    side_by_side: list[int] = []
    running = 0
    notify = worker.house.notifier.notify

    class Watching:
        async def notify(self, *arguments: object) -> object:
            nonlocal running
            running += 1
            side_by_side.append(running)
            try:
                return await notify(*arguments)
            finally:
                running -= 1

    worker.house.dispatcher.notifiers = {"email": Watching()}

    async def all_at_once() -> None:
        await asyncio.gather(
            *(worker.once.dispatch(n, Progress(), a_sight(n)) for n in notifications)
        )

    asyncio.run(all_at_once())

    assert side_by_side == [1] * 5


def test_twins_without_an_id_are_both_sent_and_a_redelivery_is_not() -> None:
    worker = Worker(MemoryStore())
    notification = a_notification()
    twin = a_sight(notification, has_id=False)

    first, second = worker.dispatch(notification, twin), worker.dispatch(notification, twin)
    asyncio.run(worker.ledger.session_ended("s-1"))
    again = a_sight(notification, has_id=False, redelivered=True, session="s-2")
    third, fourth = worker.dispatch(notification, again), worker.dispatch(notification, again)
    fifth = worker.dispatch(notification, again)

    earlier = [outcome.sent[0].earlier for outcome in (first, second, third, fourth, fifth)]
    assert earlier == [False, False, True, True, False]


class FailingLedger(MemoryLedger):
    """Unavailable for the next calls of some methods."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: dict[str, int] = {}

    def _fail(self, method: str) -> None:
        if self.failing.get(method, 0):
            self.failing[method] -= 1
            raise LedgerUnavailable("disk full")

    async def start(self, sight: Sight) -> Start:
        self._fail("start")
        return await super().start(sight)

    async def sending(self, claim: Claim, recipients: Sequence[str]) -> None:
        self._fail("sending")
        await super().sending(claim, recipients)

    async def finish(self, claim: Claim, sent: Sequence[str]) -> None:
        self._fail("finish")
        await super().finish(claim, sent)


def test_without_the_ledger_nothing_is_sent_and_it_goes_on_by_itself() -> None:
    worker = Worker(MemoryStore())
    worker.once.ledger = ledger = FailingLedger()
    ledger.failing = {"start": 3, "sending": 2, "finish": 2}
    worker.house.notifier.calls = 0

    outcome = worker.dispatch(a_notification())

    assert len(outcome.sent) == 1
    assert (outcome.attempt, len(worker.house.notifier.delivered)) == (1, 1)
    assert worker.pauses[0] == ("ledger", "disk full")
    assert worker.pauses[-1] == ("ledger", None)


def test_cancelled_before_the_payload_left_no_trace_remains() -> None:
    store = MemoryStore()
    worker = Worker(store)
    notification = a_notification()

    async def cancelled() -> None:
        worker.house.notifier.notify = _hang  # type: ignore[method-assign]
        sight = a_sight(notification)
        task = asyncio.create_task(worker.once.dispatch(notification, Progress(), sight))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        await worker.ledger.close()

    asyncio.run(cancelled())
    start = asyncio.run(MemoryLedger(store).start(a_sight(notification)))

    assert not start.is_suspect


async def _hang(*_: object) -> dict[object, None]:
    await asyncio.sleep(3600)
    return {}


def test_individual_mails_are_written_down_one_by_one() -> None:
    store = MemoryStore()
    worker = Worker(store)
    notification = a_notification(to=PEOPLE, individually=True)
    worker.house.notifier.failures = [None, Transient("later")]

    first = worker.dispatch(notification)
    second = worker.dispatch(notification)

    assert [type(r) for r in first.results] == [Sent, Deferred]
    assert [r.earlier for r in second.results if isinstance(r, Sent)] == [True, False]
    assert worker.house.notifier.addresses == list(PEOPLE)
    assert not any(isinstance(r, Rejected) for r in second.results)
