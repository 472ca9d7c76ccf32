"""The exchange for outcome events: put in place, and judged in one way for worker, `doctor` and
`topology check`."""

from typing import NamedTuple

import structlog

from adapters.rabbitmq.amqp_channel import ACCESS_REFUSED, PRECONDITION_FAILED
from adapters.rabbitmq.connection import AmqpConnection
from adapters.rabbitmq.mismatches import mismatch, unequal
from adapters.rabbitmq.preparing import Declarer, Preparer
from adapters.rabbitmq.settings import DEFAULT_KIND, EVENTS_KIND, RabbitSettings, TopologyMode

_log = structlog.get_logger()


class ExchangeVerdict(NamedTuple):
    """`kind`: its type, None where this user may not compare it. `fault`: why it will not do."""

    kind: str | None
    fault: str | None = None


async def verdict(declarer: Declarer, name: str, mode: TopologyMode) -> ExchangeVerdict:
    """Judge an exchange that exists. Topic is wanted. Unless the mode is `own`, another type is
    adopted; only a direct one will not do, since there no pattern matches. Raises ChannelLost."""
    # Declaring what exists changes nothing, and is refused where it differs.
    refusal = await declarer.refusal(
        lambda channel: channel.declare_exchange(name, EVENTS_KIND),
        PRECONDITION_FAILED,
        ACCESS_REFUSED,
    )
    if refusal is None:
        return ExchangeVerdict(EVENTS_KIND)
    if refusal.code == ACCESS_REFUSED:
        return ExchangeVerdict(None)
    what = f"exchange {name}"
    argument, theirs = unequal(refusal.text)
    kind = theirs if argument == "type" else EVENTS_KIND
    if mode is TopologyMode.OWN:
        return ExchangeVerdict(kind, mismatch(what, refusal.text))
    if kind == DEFAULT_KIND:
        fault = (
            f"{what} has type={kind}: a queue that is bound with a pattern such as email.* gets no"
            f" event, only one that is bound with email.sent; delete it, and it is created as"
            f" {EVENTS_KIND}, or name another in DISPATCHER_EVENTS"
        )
        return ExchangeVerdict(kind, fault)
    if argument == "internal":
        fault = f"{what} is internal, so no program may publish to it; name another"
        return ExchangeVerdict(kind, fault)
    return ExchangeVerdict(kind)


class EventsExchange:
    """Puts the exchange in place for whoever publishes to it."""

    def __init__(self, settings: RabbitSettings, name: str) -> None:
        self._preparer = Preparer(settings)
        self._mode = settings.topology
        self._name = name
        self._said: str | None = None

    async def prepare(self, connection: AmqpConnection) -> None:
        """Create it where it is missing, and log once why one that exists will not do. Raises
        TopologyMismatch where the mode insists, or ChannelLost."""
        await self._preparer.ensure_exchange(connection, self._name, EVENTS_KIND)
        async with Declarer(connection) as declarer:
            fault = (await verdict(declarer, self._name, self._mode)).fault
        if fault is not None and fault != self._said:
            _log.warning("the exchange for outcome events is of the wrong type", error=fault)
        self._said = fault
