"""Puts exchanges, queues and bindings in place, as far as the mode allows."""

import structlog

from adapters.inbound.contract import TopologyMismatch
from adapters.rabbitmq.amqp_channel import ACCESS_REFUSED, PRECONDITION_FAILED, ChannelLost
from adapters.rabbitmq.connection import AmqpConnection
from adapters.rabbitmq.declarer import Declare, Declarer, Inequality, Presence
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

    async def ensure(self, connection: AmqpConnection, plan: QueuePlan) -> None:
        """Put one queue in place and bind it. Raises as `prepare` does."""
        async with Declarer(connection) as declarer:
            await self._ensure_exchange(declarer, EXCHANGE)
            await self._ensure_queue(declarer, plan)

    async def _ensure_exchange(
        self, declarer: Declarer, name: str, kind: str = DEFAULT_KIND
    ) -> None:
        what = f"exchange {name}"
        if self._settings.topology is TopologyMode.OWN:
            await _insist(declarer, lambda channel: channel.declare_exchange(name, kind), what)
            return
        presence = self._noted(name, await declarer.exchange(name))
        if presence is Presence.ABSENT:
            await _create(declarer, lambda channel: channel.declare_exchange(name, kind), what)
        elif name == EXCHANGE:
            # The one difference that cannot be bridged: a fanout of this name would give every copy
            # to every queue, and a dead letter would be alive again.
            await _insist(
                declarer, lambda channel: channel.declare_exchange(name), what, ACCESS_REFUSED
            )

    async def _ensure_queue(self, declarer: Declarer, plan: QueuePlan) -> bool:
        what, is_seen, is_gone = f"queue {plan.name}", plan.name in self._seen, False
        if self._settings.topology is TopologyMode.OWN:
            is_gone = is_seen and await declarer.queue(plan.name) is Presence.ABSENT
            await _insist(declarer, plan.declare, what)
        elif self._noted(plan.name, await declarer.queue(plan.name)) is Presence.ABSENT:
            if plan.is_work and self._settings.topology is TopologyMode.NONE:
                return False
            await _create(declarer, plan.declare, what)
            is_gone = is_seen
        if is_gone:
            self._events.emit(QueueRecreated(plan.name))
        self._seen.add(plan.name)
        await self._bind(declarer, plan.name, EXCHANGE, plan.name)
        return True

    def _noted(self, name: str, presence: Presence) -> Presence:
        if presence is Presence.UNSEEN:
            self.unseen.add(name)
        return presence

    async def _bind(self, declarer: Declarer, queue: str, exchange: str, key: str) -> None:
        binding = queue, exchange, key
        refusal = await declarer.refusal(lambda channel: channel.bind(*binding), ACCESS_REFUSED)
        # It may well be there already; AMQP offers no way to look.
        if refusal and binding not in self._refused_bindings:
            self._refused_bindings.add(binding)
            _log.warning(
                "binding was refused; it may be there already",
                queue=queue,
                exchange=exchange,
                key=key,
                error=refusal.text,
            )


async def _insist(declarer: Declarer, declare: Declare, what: str, *allowed: int) -> None:
    refusal = await declarer.refusal(declare, PRECONDITION_FAILED, *allowed)
    if refusal and refusal.code == PRECONDITION_FAILED:
        raise TopologyMismatch(mismatch(what, refusal.text)) from refusal


async def _create(declarer: Declarer, declare: Declare, what: str) -> None:
    refusal = await declarer.refusal(declare, ACCESS_REFUSED)
    if refusal:
        text = f"{what} is missing and this user may not create it: {refusal.text}"
        raise ChannelLost(refusal.code, text) from refusal


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
