"""The list of suppressions and its queues: only where DISPATCHER_SUPPRESSIONS is set, so that it
costs nothing elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from adapters.channels import CHANNELS, DEFAULT
from adapters.channels.finding import TIMEOUT, Finding, FindingState, reason_of
from adapters.inbound.contract import Handler, InboundMessage, Settlement
from adapters.secret import Secret
from domain.errors import DispatcherError, Permanent
from entrypoints import tracing
from entrypoints.settings import SettingsInvalid, variable
from entrypoints.settings.suppressions import is_url, suppressions_path

if TYPE_CHECKING:
    from domain.suppressions import SuppressionAccess, SuppressionStore
    from entrypoints.container import Container

_VARIABLE = variable("suppressions")
_NO_REDIS = f"{_VARIABLE}: redis:// needs the extra: pip install 'dispatcher-worker[redis]'"
_LONGEST_ADDRESS = 2000

log = structlog.get_logger()


def canonical_address(channel: str, address: str) -> str:
    """See `Canonical`."""
    from adapters.suppressions.lines import ONE_WORD

    if channel not in CHANNELS:
        raise ValueError(f"unknown channel {channel[:80]!r}; there are {', '.join(CHANNELS)}")
    try:
        text = CHANNELS[channel].canonical(address)
    except Permanent as error:
        raise ValueError(str(error)) from None
    if not ONE_WORD.fullmatch(text) or not text.isprintable() or len(text) > _LONGEST_ADDRESS:
        raise ValueError("must be one address, without blanks")
    return text


def suppression_store(url: Secret) -> "SuppressionStore":
    """The list, from the setting. Raises SettingsInvalid, also where its file has a line that
    cannot be read."""
    try:
        if not is_url(url.value):
            return _in_file(url.value)
        from adapters.redis.suppressions import RedisSuppressions

        return RedisSuppressions(url)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{_VARIABLE}: {error}"]) from None


def _in_file(text: str) -> "SuppressionStore":
    from adapters.suppressions.file import FileSuppressions
    from adapters.suppressions.lines import LinesBroken

    path = suppressions_path(text)
    try:
        return FileSuppressions(path, canonical_address, DEFAULT.name)
    except LinesBroken as error:
        raise SettingsInvalid([f"{_VARIABLE}: {path}: {one}" for one in error.faults]) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsInvalid([f"{_VARIABLE}: {path} cannot be read: {reason}"]) from None


def access(container: "Container") -> "SuppressionAccess | None":
    """The list as the dispatcher uses it; None where there is to be none. It is closed with the
    container."""
    url = container.settings().suppressions
    if url is None:
        return None
    from domain.suppressions import SuppressionAccess

    store = suppression_store(url)
    container.closing().push_async_callback(store.close)
    return SuppressionAccess(store, canonical_address, container.clock(), container.events())


def handler(container: "Container") -> Handler:
    """What handles a message, also those of the queues that take addresses."""
    settings, asked = container.settings(), container.suppressions()
    handle = tracing.handler(container)
    if asked is None:
        return handle
    from adapters.inbound.suppress import SuppressHandler

    suppress = SuppressHandler(
        store=asked.store,
        canonical=canonical_address,
        channels=settings.suppress_queues,
        clock=container.clock(),
        events=container.events(),
        max_body=settings.max_body,
    ).handle
    queues = frozenset(settings.suppress_queues)

    async def routed(message: InboundMessage) -> Settlement:
        return await (suppress if message.queue in queues else handle)(message)

    return routed


def looks(container: "Container") -> Sequence[Callable[[], Awaitable[None]]]:
    """What is to be called again and again, so that a changed file is seen."""
    asked = container.suppressions()
    if asked is None:
        return ()
    from adapters.suppressions.file import FileSuppressions

    if not isinstance(asked.store, FileSuppressions):
        return ()
    if not asked.store.path.exists():
        text = "there is no file of suppressions yet; the first entry makes it"
        log.warning(text, file=str(asked.store.path))
    return (asked.store.look,)


async def findings(container: "Container") -> list[Finding]:
    """What `doctor` says of the list; nothing where there is to be none."""
    name = "suppressions"
    try:
        asked = container.suppressions()
        if asked is None:
            return []
        async with asyncio.timeout(TIMEOUT):
            count = len(await asked.store.entries())
    except SettingsInvalid as invalid:
        return [Finding(name, one, FindingState.MISCONFIGURED) for one in invalid.faults]
    except (DispatcherError, TimeoutError) as error:
        remedy = f"check {_VARIABLE}; until then nothing is sent"
        return [Finding(name, reason_of(error), FindingState.UNREACHABLE, remedy)]
    return [Finding(name, f"{count} {'address gets' if count == 1 else 'addresses get'} nothing")]
