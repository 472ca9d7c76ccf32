"""Log lines: a constant message plus fields, for people on a terminal, as JSON elsewhere."""

import atexit
import json
import logging
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from adapters.observers.sink import LineStream, LogSink

_ADDRESS = re.compile(r"[^\s<>@\"',;:()]+@(?=[^\s<>@\"',;:()]+)")
MESSAGE_ID = "message_id"
"""The field with a mail's Message-ID, which looks like an address and is not one."""

_SILENCED = ("pika", "faker", "asyncio")
# Seconds that a process which ends waits for its last lines to be written.
_LAST_LINES = 1.5

_UNREADABLE = "a log line could not be made"


def mask_addresses(text: str) -> str:
    """`text` with the local part of every mail address hidden: servers quote them in refusals."""
    return _ADDRESS.sub("***@", text) if "@" in text else text


def configure_logs(
    log_format: Literal["console", "json"] | None, level: str, *, may_colour: bool = True
) -> LogSink:
    """Send every log line to stderr, through the sink that is returned. None: console on a
    terminal, else JSON. Addresses are shown at level DEBUG only; colours on a terminal only, and
    not without `may_colour`."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    is_console = log_format == "console" or (log_format is None and is_terminal)
    number = logging.getLevelNamesMapping()[level]
    sink = LogSink(sys.stderr)
    first: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=is_terminal and may_colour,
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
        if is_console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_as_json)]
    )
    finish = partial(_finish, sink, last, number > logging.DEBUG)
    structlog.configure(
        processors=[*first, finish],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Lines(sink),
        cache_logger_on_first_use=True,
    )
    _route_library_logs(first, finish, number, sink)
    sink.notice = partial(_notice, [*first, finish])
    return sink


def write_in_background(sink: LogSink) -> None:
    """Let the sink's thread write what is logged, and whatever else is printed on stderr, a
    traceback included. What waits at the end of the process is written then."""
    stderr = LineStream(sink, sys.stderr)
    sys.stderr = stderr
    sink.start()
    atexit.register(sink.close, _LAST_LINES)
    atexit.register(stderr.finish)  # this one is called first


def _as_json(event: EventDict, default: Callable[[Any], Any]) -> str:
    """Return the event as JSON; `json.dumps` would make an encoder for each line."""
    return _encoder(default).encode(event)


@cache
def _encoder(default: Callable[[Any], Any]) -> json.JSONEncoder:
    return json.JSONEncoder(default=default)


class _Lines:
    """The end of structlog's chain: every level writes a line."""

    def __init__(self, sink: LogSink) -> None:
        self.msg = self.debug = self.info = self.warning = partial(sink.write, end="\n")
        self.error = self.critical = self.exception = self.log = self.msg


def _finish(
    sink: LogSink,
    processors: Sequence[Processor],
    hides_addresses: bool,  # noqa: FBT001 - bound by name of its place
    logger: WrappedLogger,
    method: str,
    event: EventDict,
) -> Any:
    """Make a line of the event. A value that cannot be written costs a line and raises nothing into
    the code that logs."""
    line: Any = event
    try:
        if hides_addresses:
            for key, value in event.items():
                if isinstance(value, str) and "@" in value and key != MESSAGE_ID:
                    event[key] = mask_addresses(value)
        for processor in processors:
            line = processor(logger, method, line)
    except Exception:  # noqa: BLE001 - whatever a value's own code raises
        sink.drop(1)
        return _UNREADABLE
    return line


def _notice(processors: Sequence[Processor], count: int) -> str:
    event: Any = {"event": "log lines could not be written and are dropped", "lines": count}
    for processor in processors:
        event = processor(None, "warning", event)
    return f"{event}\n"


def _route_library_logs(
    first: Sequence[Processor], finish: Processor, level: int, sink: LogSink
) -> None:
    handler = logging.StreamHandler(sink)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=first,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, finish],
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in _SILENCED:
        # What these report is said once, and better, by the adapter that uses them.
        logging.getLogger(name).setLevel(logging.CRITICAL)
