"""The adapter's settings, and the queues that follow from them, as plain data. Nothing here reads
the environment."""

import ssl
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.secret import Secret
from adapters.tls import tls_context
from domain.value_object import value_object

if TYPE_CHECKING:
    from adapters.rabbitmq.amqp_channel import AmqpChannel
    from adapters.rabbitmq.parameters import BrokerAddress

MAX_TIER = timedelta(days=49)
"""`x-message-ttl` is an unsigned 32-bit number of milliseconds."""
MAX_QUEUE_NAME = 200
"""AMQP 0-9-1 section 4.2.5.3 allows a short string 255 bytes; `.retry.<ms>` needs its share."""
MAX_PREFETCH = 65535

DEFAULT_KIND = "direct"
EVENTS_KIND = "topic"
"""The type of the exchange for outcome events."""

_KINDS = ("direct", "topic", "fanout", "headers")
_BINDING_FORM = (
    "a binding is written exchange:routing_key=queue or exchange(type):routing_key=queue"
)


class TopologyMode(StrEnum):
    """Which queues, exchanges and bindings this program may declare."""

    ADOPT = "adopt"
    OWN = "own"
    NONE = "none"


@value_object(kw_only=True)
class Binding:
    """A producer's exchange and key that lead to a work queue. `kind` is the type with which the
    exchange is created where it is missing."""

    exchange: str
    routing_key: str
    queue: str
    kind: str = DEFAULT_KIND

    @classmethod
    def parse(cls, text: str) -> "Binding":
        """Read `exchange:routing_key=queue` or `exchange(type):routing_key=queue`. Raises
        ValueError that says what is expected."""
        source, equals, queue = text.strip().rpartition("=")
        exchange, colon, routing_key = source.partition(":")
        name, parenthesis, kind = exchange.removesuffix(")").partition("(")
        if not (equals and colon and name and queue):
            raise ValueError(_BINDING_FORM)
        if not parenthesis:
            return cls(exchange=exchange, routing_key=routing_key, queue=queue)
        if not exchange.endswith(")") or kind.strip() not in _KINDS:
            raise ValueError(f"{exchange!r}: the type is one of {', '.join(_KINDS)}")
        return cls(exchange=name, routing_key=routing_key, queue=queue, kind=kind.strip())

    def __str__(self) -> str:
        """The form that `parse` reads."""
        kind = "" if self.kind == DEFAULT_KIND else f"({self.kind})"
        return f"{self.exchange}{kind}:{self.routing_key}={self.queue}"


@value_object(kw_only=True)
class TlsFiles:
    """Trusted authorities in place of the system's, and a client certificate with its key."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Verifies certificate and host name. Raises ValueError that names the variable."""
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("DISPATCHER_BROKER_KEY_FILE: DISPATCHER_BROKER_CERT_FILE must be set")
        try:
            context = tls_context(self.ca_file)
        except OSError as error:  # an SSLError is one
            text = f"{self.ca_file} is no file of certificates: {_reason(error)}"
            raise ValueError(f"DISPATCHER_BROKER_CA_FILE: {text}") from None
        if self.cert_file is not None:
            try:
                # The password keeps OpenSSL from asking for one on the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            except OSError as error:
                raise ValueError(self._unusable(error)) from None
        return context

    def _unusable(self, error: OSError) -> str:
        files = " with ".join(str(file) for file in (self.cert_file, self.key_file) if file)
        text = "is no client certificate with its unencrypted private key"
        return f"DISPATCHER_BROKER_CERT_FILE: {files} {text}: {_reason(error)}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not PEM"
    return error.strerror or "cannot be read"


@value_object(kw_only=True)
class RabbitSettings:
    """`url`: one, or several with commas between them, tried in this order, and read again at
    each connect; `files`: for TLS. `suppress_queues`: those of the `queues` that take addresses in
    place of notifications: they have no retry queues, and are ours in every mode.
    `tiers` are the configured retry delays; `prefetch` counts messages per queue, but for those
    in `prefetch_of`; `grace` is how long `stop` waits for what is in hand; `max_body` and
    `max_in_hand` are bytes: of the largest message, and of all in hand at once. `queue_arguments`
    replaces the arguments of work queues that we create. `events`: the exchange for outcome
    events. Raises ValueError, without the URL's secrets, where a value cannot work."""

    url: Secret = field(repr=False)
    files: TlsFiles = field(default_factory=TlsFiles)
    queues: tuple[str, ...]
    suppress_queues: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    topology: TopologyMode = TopologyMode.ADOPT
    queue_arguments: Mapping[str, object] | None = None
    tiers: tuple[timedelta, ...] = ()
    prefetch: int = 32
    prefetch_of: Mapping[str, int] = field(default_factory=dict)
    grace: timedelta = timedelta(seconds=30)
    max_body: int = 10 * 2**20
    max_in_hand: int = 64 * 2**20
    events: str | None = None

    def __post_init__(self) -> None:
        self._parse(self.url.value)
        object.__setattr__(self, "url", self.url.checked(self._parse))
        for queue in self.queues:
            if not queue or len(queue.encode()) > MAX_QUEUE_NAME:
                raise ValueError(f"a queue name has 1 to {MAX_QUEUE_NAME} bytes")
        if not all(
            1 <= count <= MAX_PREFETCH for count in (self.prefetch, *self.prefetch_of.values())
        ):
            raise ValueError(f"the prefetch lies between 1 and {MAX_PREFETCH}")
        if any(not timedelta(milliseconds=1) <= tier <= MAX_TIER for tier in self.tiers):
            raise ValueError("a retry delay lies between one millisecond and 49 days")

    @property
    def address(self) -> "BrokerAddress":
        """Where the brokers are and how to sign in, as the setting has it now."""
        return self._parse(self.url.now())

    def _parse(self, url: str) -> "BrokerAddress":
        # Late: settings are read by programs that never load pika.
        from adapters.rabbitmq.parameters import BrokerAddress

        return BrokerAddress.parse(url, self.files)


EXCHANGE = "dispatcher"
LADDER = tuple(
    timedelta(seconds=seconds) for seconds in (10, 60, 300, 1_800, 7_200, 21_600, 86_400)
)
"""The steps of exact waits, next to the configured tiers; their queues are made on first need."""

# RabbitMQ 4 counts every look at a dead letter and drops it at its default limit of 20; -1 would
# mean unlimited there and zero on 3.x.
_LOOKS = 1_000_000


@value_object(kw_only=True)
class QueuePlan:
    """A durable queue, bound to the exchange `dispatcher` under its own name. `is_work`: it is
    a work queue, which a producer may own; retry and dead queues are always ours."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    is_work: bool = False

    async def declare(self, channel: "AmqpChannel") -> None:
        """Create it, or make sure that it has exactly these arguments. Raises ChannelLost."""
        await channel.declare_queue(self.name, self.arguments)


def work_queue(settings: RabbitSettings, queue: str) -> QueuePlan:
    """The work queue as we create it where it is missing."""
    ours = _safe(dead_queue_name(queue)) | {"x-delivery-limit": 50}
    if queue in settings.suppress_queues:
        return QueuePlan(name=queue, arguments=ours)
    chosen = settings.queue_arguments
    return QueuePlan(name=queue, arguments=ours if chosen is None else chosen, is_work=True)


def retry_queue(queue: str, delay: timedelta) -> QueuePlan:
    """The queue that holds messages for `delay`, then gives them back to the work queue. The delay
    is in the name, since the arguments of a queue cannot be changed."""
    ms = milliseconds(delay)
    arguments = _safe(queue) | {"x-message-ttl": ms, "x-delivery-limit": _LOOKS}
    return QueuePlan(name=f"{queue}.retry.{ms}", arguments=arguments)


def dead_queue(queue: str) -> QueuePlan:
    """Where dead letters wait for a person. They never expire."""
    arguments: dict[str, object] = {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-delivery-limit": _LOOKS,
    }
    return QueuePlan(name=dead_queue_name(queue), arguments=arguments)


def dead_queue_name(queue: str) -> str:
    """The name of a work queue's dead letter queue."""
    return queue + ".dead"


def queue_plans(settings: RabbitSettings, queue: str) -> tuple[QueuePlan, ...]:
    """All that one work queue needs, itself last: in mode `none` it may still be missing."""
    tiers = [] if queue in settings.suppress_queues else sorted(set(settings.tiers))
    return (
        dead_queue(queue),
        *(retry_queue(queue, tier) for tier in tiers),
        work_queue(settings, queue),
    )


def longest_step(settings: RabbitSettings, delay: timedelta) -> timedelta:
    """The longest wait of a retry queue that fits into `delay`, else the shortest there is."""
    steps = {*settings.tiers, *LADDER}
    return max((step for step in steps if step <= delay), default=min(steps))


def milliseconds(delay: timedelta) -> int:
    """Whole milliseconds, as queue names and `x-message-ttl` have them."""
    return round(delay / timedelta(milliseconds=1))


def _safe(dead_letter_to: str) -> dict[str, object]:
    # At-least-once dead-lettering silently falls back to at-most-once without reject-publish
    # (rabbitmq.com/docs/quorum-queues).
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": EXCHANGE,
        "x-dead-letter-routing-key": dead_letter_to,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
