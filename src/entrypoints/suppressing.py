"""The list of suppressions and its queues: only where DISPATCHER_SUPPRESSIONS is set, so that it
costs nothing elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import structlog

from adapters.channels import CHANNELS, DEFAULT
from adapters.channels.finding import TIMEOUT, Finding, FindingState, reason_of
from adapters.inbound.contract import Handler, InboundMessage, Settlement
from adapters.secret import Secret
from domain.errors import DispatcherError, Permanent
from entrypoints import tracing
from entrypoints.settings import SettingsInvalid, variable
from entrypoints.settings.suppressions import is_below, is_url, suppressions_path

if TYPE_CHECKING:
    from domain.ports import EventSink
    from domain.suppressions import Suppression, SuppressionAccess, SuppressionStore
    from entrypoints.container import Container
    from entrypoints.settings import Settings

_VARIABLE = variable("suppressions")
_NO_REDIS = f"{_VARIABLE}: redis:// needs the extra: pip install 'dispatcher-worker[redis]'"
_LONGEST_ADDRESS = 2000

log = structlog.get_logger()


def canonical_address(channel: str, address: str) -> str:
    """See `Canonical`."""
    from adapters.suppressions.lines import ONE_WORD
    from domain.suppressions import ChannelUnknown

    if channel not in CHANNELS:
        known = ", ".join(CHANNELS)
        raise ChannelUnknown(f"unknown channel {channel[:80]!r}; there are {known}")
    try:
        text = _settled(CHANNELS[channel].canonical, address)
    except Permanent as error:
        raise ValueError(str(error)) from None
    if not ONE_WORD.fullmatch(text) or not text.isprintable() or len(text) > _LONGEST_ADDRESS:
        raise ValueError("must be one address, without blanks")
    return text


def _settled(canonical: Callable[[str], str], address: str) -> str:
    """The address in a form that stays as it is when it is made canonical again, as it is when the
    list is read. Raises ValueError where there is no such form, and what `canonical` raises."""
    text = canonical(address)
    if text == address:
        return text
    text = canonical(text)
    if canonical(text) != text:
        raise ValueError("has no form in which it could be compared")
    return text


def suppression_store(
    url: Secret, events: "EventSink | None" = None, *, is_production: bool = False
) -> "SuppressionStore":
    """The list, from the setting. Raises SettingsInvalid, also where its file has a line that
    cannot be read; in production also where it is missing or holds no address."""
    try:
        if not is_url(url.value):
            return _in_file(url.value, events, is_production=is_production)
        from adapters.redis.suppressions import RedisSuppressions

        return RedisSuppressions(url, may_be_absent=not is_production)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{_VARIABLE}: {error}"]) from None


def _in_file(text: str, events: "EventSink | None", *, is_production: bool) -> "SuppressionStore":
    from adapters.suppressions.file import FileSuppressions
    from adapters.suppressions.lines import LinesBroken

    path = suppressions_path(text)
    try:
        return FileSuppressions(
            path, canonical_address, DEFAULT.name, events=events, may_be_empty=not is_production
        )
    except LinesBroken as error:
        place = error.path or path
        raise SettingsInvalid([f"{_VARIABLE}: {place}: {one}" for one in error.faults]) from None
    except FileNotFoundError:
        remedy = "put it back or, if there was none yet, make it by dispatcher suppress add"
        raise SettingsInvalid([f"{_VARIABLE}: {path} is missing; {remedy}"]) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        place = error.filename or path
        raise SettingsInvalid([f"{_VARIABLE}: {place} cannot be read: {reason}"]) from None


def make_file(settings: "Settings") -> None:
    """Make the file of a list that is used for the first time. Raises SettingsInvalid."""
    url = settings.suppressions
    if url is None or is_url(url.value):
        return
    from adapters.suppressions.file import make_list

    _make_home(settings)
    try:
        path = suppressions_path(url.value)
        if make_list(path):
            log.info("a file of suppressions is made", file=str(path))
    except (OSError, ValueError) as error:
        raise SettingsInvalid([f"{_VARIABLE}: {error}"]) from None


def _make_home(settings: "Settings") -> None:
    """Make the folder of embedded files, where the list is in it. No other folder is made: it may
    be one that is not mounted."""
    if settings.suppressions is not None and is_below(settings.suppressions.value, settings.home):
        try:
            settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise SettingsInvalid([f"{variable('home')}: cannot be made: {reason}"]) from None


def access(container: "Container") -> "SuppressionAccess | None":
    """The list as the dispatcher uses it; None where there is to be none. It is closed with the
    container."""
    url = container.settings().suppressions
    if url is None:
        return None
    from domain.suppressions import SuppressionAccess

    settings, events = container.settings(), container.events()
    _make_home(settings)
    store = suppression_store(url, events, is_production=settings.is_production)
    container.closing().push_async_callback(store.close)
    return SuppressionAccess(store, canonical_address, container.clock(), events)


def handler(container: "Container") -> Handler:
    """What handles a message, also those of the queues that take addresses."""
    settings, asked = container.settings(), container.suppressions()
    handle = tracing.handler(container)
    if asked is None:
        return handle
    from adapters.inbound.suppress import SuppressHandler

    suppress = SuppressHandler(
        add=asked.add,
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
    from adapters.suppressions.file import FileSuppressions, added_path

    if not isinstance(asked.store, FileSuppressions):
        return ()
    path = asked.store.path
    if not path.exists():
        log.warning("there is no file of suppressions; the list is empty", file=str(path))
    elif not (added := added_path(path)).exists():
        text = "there is no file of what was added to the suppressions; if it was lost, put it back"
        log.warning(text, file=str(added))
    return (asked.store.look,)


async def findings(container: "Container") -> list[Finding]:
    """What `doctor` says of the list; nothing where there is to be none."""
    name = "suppressions"
    try:
        asked = container.suppressions()
        if asked is None:
            return []
        async with asyncio.timeout(TIMEOUT):
            await asked.store.find(DEFAULT.name, ())
            entries = await asked.store.entries()
            evicts = await asked.store.may_evict()
    except SettingsInvalid as invalid:
        return [Finding(name, one, FindingState.MISCONFIGURED) for one in invalid.faults]
    except (DispatcherError, TimeoutError) as error:
        remedy = f"check {_VARIABLE}; until then nothing is sent"
        return [Finding(name, reason_of(error), FindingState.UNREACHABLE, remedy)]
    return list(_of_entries(name, entries, evicts=evicts))


def _of_entries(name: str, entries: "Sequence[Suppression]", *, evicts: bool) -> Iterator[Finding]:
    count = len(entries)
    if not count:
        yield Finding.notable(name, "no address is listed", "make sure that no list was lost")
    else:
        yield Finding(name, f"{count} {'address gets' if count == 1 else 'addresses get'} nothing")
    if evicts:
        remedy = "set maxmemory-policy noeviction"
        yield Finding.notable(name, "a full server drops addresses from the list", remedy)
    if strange := sum(not is_canonical(entry) for entry in entries):
        remedy = "find them by dispatcher suppress list, and add them again"
        yield Finding.notable(name, f"{strange} of them never match as they are written", remedy)


def is_canonical(entry: "Suppression") -> bool:
    """Whether it is written as addresses are compared; else it never matches."""
    try:
        return canonical_address(entry.channel, entry.address) == entry.address
    except ValueError:
        return False
