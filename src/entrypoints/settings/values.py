"""Text -> value, for each kind of setting. A ValueError says what is expected."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from adapters.channels import CHANNELS, DEFAULT
from adapters.message_format.body import loads_object
from adapters.rabbitmq.settings import (
    DEFAULT_KIND,
    EVENTS_KIND,
    EXCHANGE,
    MAX_PREFETCH,
    MAX_QUEUE_NAME,
    MAX_TIER,
    Binding,
)
from adapters.setting_values import OFF, parse_count
from domain.alerts import AlertTarget
from domain.duration import parse_duration
from domain.errors import MalformedMessage
from domain.notification import Recipient
from domain.value_object import value_object

T = TypeVar("T")

FORBIDDEN_QUEUE = "webgui"

_OURS = re.compile(r"\.dead$|\.retry\.\d+$")
_HOST = r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:/\[\]]+))"
_HOST_AND_PORT = re.compile(rf"{_HOST}:(?P<port>\d{{1,5}})")
_LAST_PORT = 65535
# An exchange's name, and what follows it in a binding or a list. A name may have a colon.
_AS_IN_BINDINGS = re.compile(r"([^(=,]+?)\s*(?:\(.*|:[^=]*=.*|[=,].*)")


@value_object(kw_only=True)
class HttpAddress:
    """Where to listen; port 0 leaves the choice to the system."""

    host: str
    port: int

    def __str__(self) -> str:
        """The form of the setting."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def not_forbidden(name: str) -> str:
    """Raises ValueError for the queue and channel that belongs to another program."""
    if name.strip() == FORBIDDEN_QUEUE:
        raise ValueError(
            f"{FORBIDDEN_QUEUE!r} belongs to another program; Dispatcher never touches it"
        )
    return name


def target_name(name: str) -> str:
    """A name that a message can address. Raises ValueError."""
    if not name or re.search(r"\s", name):
        raise ValueError(f"{name!r} cannot be a target's name: it needs one, without blanks")
    return not_forbidden(name)


def one_of(words: Iterable[T]) -> Callable[[str], T]:
    """What reads one of these words."""
    by_name = {str(word): word for word in words}
    *others, last = (f"{name!r}" for name in by_name)

    def parse(text: str) -> T:
        if text not in by_name:
            raise ValueError(f"should be {', '.join(others)} or {last}")
        return by_name[text]

    return parse


def parse_list(text: str) -> tuple[str, ...]:
    """Read `a,b,c`."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def parse_channels(text: str) -> tuple[str, ...]:
    """Read a list of channels."""
    channels = tuple(_channel(name) for name in parse_list(text))
    if not channels:
        raise ValueError("must name at least one channel")
    return channels


def parse_queues(text: str) -> tuple[tuple[str, str], ...]:
    """Read `channel=queue,…` into (channel, queue) pairs; a queue belongs to one channel only."""
    pairs = []
    for item in parse_list(text):
        channel, equals, queue = (part.strip() for part in item.partition("="))
        if not equals or not channel or not queue:
            raise ValueError(f"{item!r} must be channel=queue")
        pairs.append((_channel(channel), _queue(queue)))
    queues = [queue for _, queue in pairs]
    if twice := {queue for queue in queues if queues.count(queue) > 1}:
        raise ValueError(f"queue {min(twice)!r} is named twice")
    if not pairs:
        raise ValueError("must name at least one channel=queue")
    return tuple(pairs)


def _channel(name: str) -> str:
    if not_forbidden(name) not in CHANNELS:
        raise ValueError(f"unknown channel {name!r}; there are {', '.join(CHANNELS)}")
    return name


def _queue(name: str) -> str:
    not_forbidden(name)
    if _OURS.search(name):
        raise ValueError(f"{name!r} is how the queues for retries and dead letters are named")
    if name.startswith("amq.") or len(name.encode()) > MAX_QUEUE_NAME:
        raise ValueError(
            f"{name[:80]!r} cannot be a queue: at most {MAX_QUEUE_NAME} bytes, no amq."
        )
    return name


def parse_bindings(text: str) -> tuple[Binding, ...]:
    """Read `exchange:routing_key=queue,…`, each exchange with its type or without."""
    bindings = tuple(Binding.parse(item) for item in parse_list(text))
    kinds: dict[str, str] = {}
    for binding in bindings:
        _queue(binding.queue)
        kind, is_given = binding.kind, binding.kind != DEFAULT_KIND
        if is_given and kinds.setdefault(binding.exchange, kind) != kind:
            raise ValueError(f"exchange {binding.exchange!r} is given two types")
    # It is enough to give the type once.
    return tuple(replace(one, kind=kinds.get(one.exchange, one.kind)) for one in bindings)


def parse_events(text: str) -> str:
    """Read the name of the exchange for outcome events."""
    name = not_forbidden(text)
    if name == EXCHANGE:
        raise ValueError(f"{name!r} is the exchange of the queues; name another, for events alone")
    if match := _AS_IN_BINDINGS.fullmatch(name):
        raise ValueError(
            f"{name!r}: write the exchange's name alone, {match[1]!r}; its type is {EVENTS_KIND}"
        )
    if len(name.encode()) > MAX_QUEUE_NAME or not name.isprintable():
        raise ValueError(f"cannot be an exchange: at most {MAX_QUEUE_NAME} printable bytes")
    return name


def parse_tiers(text: str) -> tuple[timedelta, ...]:
    """Read the retry delays, `10s,1m,…`."""
    tiers = tuple(parse_duration(item) for item in parse_list(text))
    if not tiers:
        raise ValueError("must name at least one delay")
    for tier in tiers:
        if not timedelta(milliseconds=1) <= tier <= MAX_TIER:
            raise ValueError("each delay must be from 1ms to 49d")
    return tiers


def parse_wait(text: str) -> timedelta:
    """Read a duration longer than zero."""
    duration = parse_duration(text)
    if duration <= timedelta(0):
        raise ValueError("must be longer than zero")
    return duration


def parse_http(text: str) -> HttpAddress | None:
    """Read `host:port`, or `off`; an IPv6 host is in brackets."""
    if text.strip().lower() in OFF:
        return None
    match = _HOST_AND_PORT.fullmatch(text.strip())
    if match is None or int(match["port"]) > _LAST_PORT:
        raise ValueError("must be host:port, such as 127.0.0.1:8080 or [::]:8080, or off")
    return HttpAddress(host=match["v6"] or match["host"], port=int(match["port"]))


def parse_alerts(text: str) -> tuple[AlertTarget, ...]:
    """Read `email:ops@example.org,…`."""
    return tuple(AlertTarget(channel=one, recipient=whom) for one, whom in _addressed(text))


def parse_redirects(text: str) -> Mapping[str, Recipient]:
    """Read `email:me@example.org,slack:#test,…`; an address alone is for email."""
    redirects: dict[str, Recipient] = {}
    for channel, recipient in _addressed(text, DEFAULT.name):
        if redirects.setdefault(channel, recipient) is not recipient:
            raise ValueError(f"names two addresses for {channel}")
    return redirects


def _addressed(text: str, default: str = "") -> list[tuple[str, Recipient]]:
    """Each `channel:address`; the `default` is the channel of an address alone."""
    try:
        return [_target(item, default) for item in parse_list(text)]
    except ValueError:
        # A comma in a URL ends an item, so that any item may be a piece of a secret.
        if "://" not in text:
            raise
        raise ValueError(
            "one of them cannot be read: each must be channel:address, and a comma in a URL is %2C"
        ) from None


def _target(item: str, default: str) -> tuple[str, Recipient]:
    channel, colon, address = (part.strip() for part in item.partition(":"))
    if not colon:
        channel, address = default, channel
    if not colon and not default:
        raise ValueError(f"{item!r} must be channel:address, such as email:ops@example.org")
    known = CHANNELS[_channel(channel)]
    try:
        return channel, known.recipient(address)
    except ValueError as error:
        raise ValueError(f"{address!r} for {channel}: {error}") from None


def parse_prefetch(text: str) -> int:
    """Read a count that fits AMQP's 16 bits."""
    count = parse_count(text)
    if count > MAX_PREFETCH:
        raise ValueError(f"must be at most {MAX_PREFETCH}")
    return count


def parse_environment(text: str) -> str:
    """Read the environment's name. What looks like a slip of `production` is refused, since with
    it every protection of a production would be gone in silence."""
    name = text.strip()
    if name.lower().startswith("prod") and name != "production":
        raise ValueError(f"{name!r}: did you mean production?")
    return name


def parse_json_object(text: str) -> dict[str, Any]:
    """Read a JSON object; its values are whatever the broker takes."""
    try:
        value = loads_object(text.encode("utf-8", "surrogateescape"))
    except MalformedMessage as error:
        raise ValueError(str(error).replace("body: ", "")) from None
    for name, item in value.items():
        if not isinstance(item, str | int | float | bool):
            raise ValueError(f"{name}: must be a text, a number, true or false")  # noqa: TRY004
    if value.get("x-queue-type") == "stream":
        raise ValueError("x-queue-type: a stream cannot be a work queue")
    return value
