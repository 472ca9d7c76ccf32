"""Log lines: a constant message plus fields, for people on a terminal, as JSON elsewhere."""

import logging
import re
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_ADDRESS = re.compile(r"[^\s<>@\"',;:()]+@(?=[^\s<>@\"',;:()]+)")
_SILENCED = ("pika", "aiosmtplib", "faker", "asyncio")


def mask_addresses(text: str) -> str:
    """`text` with the local part of every mail address hidden: servers quote them in refusals."""
    return _ADDRESS.sub("***@", text) if "@" in text else text


def _mask(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str) and "@" in value:
            event[key] = mask_addresses(value)
    return event


def configure_logs(log_format: Literal["console", "json"] | None, level: str) -> None:
    """Send every log line to stderr. None: console on a terminal, else JSON. Addresses are shown
    at level DEBUG only."""
    is_console = log_format == "console" or (log_format is None and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if number > logging.DEBUG:
        shared.append(_mask)
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if is_console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    _route_library_logs(shared, last, number)


def _route_library_logs(shared: list[Processor], last: list[Processor], level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in _SILENCED:
        # What these report is said once, and better, by the adapter that uses them.
        logging.getLogger(name).setLevel(logging.CRITICAL)
