"""Puts exchanges, queues and bindings in place, as far as the mode allows."""

from collections.abc import Awaitable

import structlog

from adapters.inbound.contract import TopologyMismatch
from adapters.rabbitmq.amqp_channel import ACCESS_REFUSED, PRECONDITION_FAILED, ChannelLost
from adapters.rabbitmq.connection import AmqpConnection
from adapters.rabbitmq.declarer import Declarer, Inequality, Presence
from adapters.rabbitmq.plan import EXCHANGE, QueuePlan, queue_plans
from adapters.rabbitmq.settings import DEFAULT_KIND, RabbitSettings, TopologyMode
from domain.events import QueueRecreated
from domain.ports import EventSink, NoObserver

_log = structlog.get_logger()


class Preparer:
    """Modes: `adopt` looks first and creates only what is missing, so it needs no configure right
    once all exists; `own` insists on our arguments; `none` never creates a work queue. In every
    mode the exchange `dispatcher` must be direct, as far as this user may see it."""

    def __init__(self, settings: RabbitSettings, events: EventSink | None = None) -> None:
        """`events` gets queues that were there, were deleted, and are created again."""
        self._settings = settings
        self._events = events or NoObserver()
        self._seen: set[str] = set()
        self._refused_bindings: set[tuple[str, str, str]] = set()
        self.unseen: set[str] = set()
        """Names of what this user may not look at, so that it was left as it is."""

    async def prepare(self, connection: AmqpConnection, queue: str) -> bool:
        """Put in place all that `queue` needs; whether it is there to be consumed, which in mode
        `none` may not yet be so. Raises TopologyMismatch, or ChannelLost."""
        async with Declarer(connection) as declarer:
            await self._ensure_exchange(declarer, EXCHANGE)
            for plan in queue_plans(self._settings, queue):
                if not await self._ensure_queue(declarer, plan):
                    return False
            if await declarer.is_stream(queue):
                raise TopologyMismatch(a_stream(queue))
            for binding in self._settings.bindings:
                if binding.queue == queue:
                    await self._ensure_exchange(declarer, binding.exchange, binding.kind)
                    await self._bind(declarer, queue, binding.exchange, binding.routing_key)
        return True

    async def ensure(self, connection: AmqpConnection, plan: QueuePlan) -> bool:
        """Put one queue in place and bind it; whether it is there. Raises as `prepare` does."""
        async with Declarer(connection) as declarer:
            await self._ensure_exchange(declarer, EXCHANGE)
            return await self._ensure_queue(declarer, plan)

    async def _ensure_exchange(
        self, declarer: Declarer, name: str, kind: str = DEFAULT_KIND
    ) -> None:
        what = f"exchange {name}"
        if self._settings.topology is TopologyMode.OWN:
            await _insist(declarer.declare_exchange(name, kind), what)
            return
        presence = await declarer.exchange(name)
        if presence is Presence.UNSEEN:
            self.unseen.add(name)
        if presence is Presence.ABSENT:
            await _create(declarer.declare_exchange(name, kind), what)
        elif name == EXCHANGE:
            await self._insist_if_allowed(declarer, what)

    async def _insist_if_allowed(self, declarer: Declarer, what: str) -> None:
        # The one difference that cannot be bridged: a fanout of this name would give every copy
        # to every queue, and a dead letter would be alive again.
        try:
            await _insist(declarer.declare_exchange(EXCHANGE), what)
        except ChannelLost as lost:
            if lost.code != ACCESS_REFUSED:
                raise

    async def _ensure_queue(self, declarer: Declarer, plan: QueuePlan) -> bool:
        what, is_seen = f"queue {plan.name}", plan.name in self._seen
        is_gone = False
        if self._settings.topology is TopologyMode.OWN:
            is_gone = is_seen and await declarer.queue(plan.name) is Presence.ABSENT
            await _insist(declarer.declare_queue(plan.name, plan.arguments), what)
        else:
            presence = await declarer.queue(plan.name)
            if presence is Presence.UNSEEN:
                self.unseen.add(plan.name)
            if presence is Presence.ABSENT:
                if plan.is_work and self._settings.topology is TopologyMode.NONE:
                    return False
                await _create(declarer.declare_queue(plan.name, plan.arguments), what)
                is_gone = is_seen
        if is_gone:
            self._events.emit(QueueRecreated(plan.name))
        self._seen.add(plan.name)
        await self._bind(declarer, plan.name, EXCHANGE, plan.name)
        return True

    async def _bind(self, declarer: Declarer, queue: str, exchange: str, key: str) -> None:
        try:
            await declarer.bind(queue, exchange, key)
        except ChannelLost as lost:
            if lost.code != ACCESS_REFUSED:
                raise
            # It may well be there already; AMQP offers no way to look.
            if (queue, exchange, key) in self._refused_bindings:
                return
            self._refused_bindings.add((queue, exchange, key))
            _log.warning(
                "binding was refused; it may be there already",
                queue=queue,
                exchange=exchange,
                key=key,
                error=lost.text,
            )


async def _insist(declaration: Awaitable[None], what: str) -> None:
    try:
        await declaration
    except ChannelLost as lost:
        if lost.code != PRECONDITION_FAILED:
            raise
        raise TopologyMismatch(mismatch(what, lost.text)) from lost


async def _create(declaration: Awaitable[None], what: str) -> None:
    try:
        await declaration
    except ChannelLost as lost:
        if lost.code != ACCESS_REFUSED:
            raise
        text = f"{what} is missing and this user may not create it: {lost.text}"
        raise ChannelLost(lost.code, text) from lost


def mismatch(what: str, text: str) -> str:
    """One line that says what differs and what can be done, from the broker's 406 text."""
    unequal = Inequality.parse(text)
    if unequal is None:
        return f"{what} differs: {text}"
    remedy = "delete it, and it is created again"
    if what.startswith("queue "):
        remedy = (
            "adopt it (DISPATCHER_TOPOLOGY=adopt), state its arguments "
            "(DISPATCHER_QUEUE_ARGUMENTS), or delete it once it is empty"
        )
    argument = unequal.argument
    if (argument, unequal.theirs) == ("x-queue-type", "stream"):
        return a_stream(what.removeprefix("queue "))
    return f"{what} has {argument}={unequal.theirs}, ours is {argument}={unequal.ours}: {remedy}"


def a_stream(queue: str) -> str:
    """One line that says why a stream cannot be a work queue."""
    return (
        f"queue {queue} is a stream: what is published while no worker runs would never be"
        " delivered; use a quorum or classic queue, or name another in DISPATCHER_QUEUES"
    )
