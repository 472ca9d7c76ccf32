"""The operator's commands on the topology: show it, check it, apply it; and count the messages of
each queue."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from adapters.inbound.contract import QueueState, TopologyMismatch, Waiting
from adapters.rabbitmq.amqp_channel import ACCESS_REFUSED, PRECONDITION_FAILED, ChannelLost
from adapters.rabbitmq.connection import asking, connected
from adapters.rabbitmq.events_exchange import ExchangeVerdict, verdict
from adapters.rabbitmq.mismatches import a_stream, mismatch
from adapters.rabbitmq.preparing import Declare, Declarer, Preparer
from adapters.rabbitmq.settings import (
    DEFAULT_KIND,
    EVENTS_KIND,
    EXCHANGE,
    LADDER,
    QueuePlan,
    RabbitSettings,
    TopologyMode,
    dead_queue_name,
    queue_plans,
    retry_queue,
)
from domain.value_object import value_object

_TIMEOUT = 20.0
_NAME, _WHAT = "dispatcher topology", "the topology is not known"


@value_object(kw_only=True)
class TopologyRow:
    """One object of the plan: an `exchange`, a `queue`, or a `binding`."""

    kind: str
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)


class TopologyFinding(StrEnum):
    """What is wrong with an object of the plan."""

    ABSENT = "absent"
    DIFFERS = "differs"
    UNSEEN = "unseen"
    """This user may not look at it, or may not compare its arguments (the configure right)."""


@value_object()
class Difference:
    """A finding, in words on one line."""

    kind: str
    name: str
    finding: TopologyFinding
    text: str


class Topology:
    """Each method that asks the broker opens a connection of its own and closes it."""

    def __init__(self, settings: RabbitSettings) -> None:
        self._settings = settings

    def describe(self) -> tuple[TopologyRow, ...]:
        """The whole plan, without asking the broker. In mode `none`, and in `adopt` where it
        exists, a work queue has the arguments its producer gave it."""
        rows = [
            TopologyRow(kind="exchange", name=name, arguments={"type": kind, "durable": True})
            for name, kind in self._exchanges().items()
        ]
        for queue in self._settings.queues:
            for plan in queue_plans(self._settings, queue):
                rows.append(TopologyRow(kind="queue", name=plan.name, arguments=plan.arguments))
                rows.append(TopologyRow(kind="binding", name=f"{EXCHANGE}:{plan.name}={plan.name}"))
        rows += [
            TopologyRow(kind="binding", name=f"{b.exchange}:{b.routing_key}={b.queue}")
            for b in self._settings.bindings
        ]
        return tuple(rows)

    async def apply(self) -> tuple[str, ...]:
        """Put everything in place as the mode allows; the names of what this user may not look at,
        which was left as it is. Raises BrokerUnavailable, or TopologyMismatch where something
        differs (mode `own`) or may not be created."""
        preparer = Preparer(self._settings)
        async with asking(_WHAT), connected(self._settings.address, _NAME) as connection:
            try:
                for queue in self._settings.queues:
                    await preparer.prepare(connection, queue)
                if self._settings.events:
                    await preparer.ensure_exchange(connection, self._settings.events, EVENTS_KIND)
            except ChannelLost as lost:
                if lost.code == ACCESS_REFUSED:
                    raise TopologyMismatch(lost.text) from lost
                raise
        return tuple(sorted(preparer.unseen))

    async def check(self) -> tuple[Difference, ...]:
        """What is absent or differs; the broker names only the first argument of each that does,
        and no binding can be seen over AMQP. Raises BrokerUnavailable."""
        plans = [p for queue in self._settings.queues for p in queue_plans(self._settings, queue)]
        async with (
            asking(_WHAT),
            connected(self._settings.address, _NAME) as connection,
            Declarer(connection) as declarer,
        ):
            found = [await self._check_exchange(declarer, name) for name in self._exchanges()]
            found += [await self._check_queue(declarer, plan) for plan in plans]
        return tuple(difference for difference in found if difference is not None)

    async def _check_queue(self, declarer: Declarer, plan: QueuePlan) -> Difference | None:
        if refused := await declarer.queue(plan.name):
            return _not_seen("queue", plan.name, refused)
        if plan.is_work and await declarer.is_stream(plan.name):
            text = a_stream(plan.name)
            return Difference("queue", plan.name, TopologyFinding.DIFFERS, text)
        if plan.is_work and self._settings.topology is TopologyMode.NONE:
            return None  # whatever its producer gave it is right
        return await _compare(declarer, plan.declare, "queue", plan.name)

    async def look_for_events(self) -> tuple[str | None, Difference | None]:
        """The type of the exchange for outcome events, as far as it can be seen, and what is wrong
        with it; None where there is to be no such exchange. Raises BrokerUnavailable."""
        name = self._settings.events
        if name is None:
            return None, None
        async with (
            asking(_WHAT, _TIMEOUT),
            connected(self._settings.address, _NAME) as connection,
            Declarer(connection) as declarer,
        ):
            if refused := await declarer.exchange(name):
                return None, _not_seen("exchange", name, refused)
            found = await verdict(declarer, name, self._settings.topology)
        return found.kind, _of_events(name, found)

    async def _check_exchange(self, declarer: Declarer, name: str) -> Difference | None:
        if refused := await declarer.exchange(name):
            return _not_seen("exchange", name, refused)
        if name == self._settings.events:
            found = await verdict(declarer, name, self._settings.topology)
            return _of_events(name, found) or (
                _unseen("exchange", name) if not found.kind else None
            )
        if name != EXCHANGE:
            return None  # a producer's own, adopted as it is
        return await _compare(declarer, lambda c: c.declare_exchange(name), "exchange", name)

    def _exchanges(self) -> dict[str, str]:
        """Name -> type."""
        events = self._settings.events
        return {
            EXCHANGE: DEFAULT_KIND,
            **{b.exchange: b.kind for b in self._settings.bindings},
            **({events: EVENTS_KIND} if events else {}),
        }


async def _compare(declarer: Declarer, declare: Declare, kind: str, name: str) -> Difference | None:
    # Declaring what exists with our arguments changes nothing and is refused where it differs.
    refusal = await declarer.refusal(declare, PRECONDITION_FAILED, ACCESS_REFUSED)
    if refusal is None:
        return None
    if refusal.code == PRECONDITION_FAILED:
        text = mismatch(f"{kind} {name}", refusal.text)
        return Difference(kind, name, TopologyFinding.DIFFERS, text)
    return _unseen(kind, name)


def _unseen(kind: str, name: str) -> Difference:
    text = f"{kind} {name} exists; comparing its arguments needs the configure right on it"
    return Difference(kind, name, TopologyFinding.UNSEEN, text)


def _of_events(name: str, found: ExchangeVerdict) -> Difference | None:
    if found.fault is None:
        return None
    return Difference("exchange", name, TopologyFinding.DIFFERS, found.fault)


def _not_seen(kind: str, name: str, refused: int) -> Difference:
    if refused == ACCESS_REFUSED:
        text = f"{kind} {name} cannot be seen without a right on it"
        return Difference(kind, name, TopologyFinding.UNSEEN, text)
    return Difference(kind, name, TopologyFinding.ABSENT, f"{kind} {name} is absent")


async def survey(settings: RabbitSettings, queues: Sequence[str]) -> tuple[QueueState, ...]:
    """The state of each of `queues`, in their order; what this user may not look at is named as
    unseen. Raises BrokerUnavailable.

    AMQP shows ready messages only, not those that a consumer holds.
    """
    async with (
        asking("the broker does not show its queues", _TIMEOUT),
        connected(settings.address, "dispatcher status") as connection,
        Declarer(connection) as declarer,
    ):
        return tuple([await _state(declarer, settings, queue) for queue in queues])


async def _state(declarer: Declarer, settings: RabbitSettings, queue: str) -> QueueState:
    tiers = {delay: retry_queue(queue, delay).name for delay in {*settings.tiers, *LADDER}}
    names = [queue, dead_queue_name(queue), *(tiers[delay] for delay in sorted(tiers))]
    found = {name: counts for name in names if (counts := await declarer.counts(name))}
    waiting = [
        Waiting(delay=delay, messages=counts.ready)
        for delay in sorted(tiers)
        if (counts := found.get(tiers[delay])) and counts.ready is not None
    ]
    work, dead = found.get(queue), found.get(dead_queue_name(queue))
    return QueueState(
        queue=queue,
        exists=work is not None,
        ready=work.ready if work else 0,
        unacked=None,
        consumers=work.consumers if work else 0,
        waiting=tuple(waiting),
        dead=dead.ready if dead else None,
        dead_by_reason=None,
        unseen=tuple(name for name, counts in found.items() if counts.ready is None),
        problem=a_stream(queue) if work and await declarer.is_stream(queue) else None,
    )
