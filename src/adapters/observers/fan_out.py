"""One EventSink that gives each event to all who subscribe to it."""

import structlog

from domain.events import Event
from domain.ports import EventSink

log = structlog.get_logger()


class FanOut:
    """What a subscriber raises reaches neither the others nor whoever emits; each kind of fault is
    logged once."""

    def __init__(self) -> None:
        self._subscribers: list[tuple[EventSink, tuple[type, ...]]] = []
        self._by_type: dict[type, tuple[EventSink, ...]] = {}
        self._known_faults: set[tuple[type, type]] = set()

    def subscribe(self, sink: EventSink, *types: type) -> None:
        """Give `sink` the events of these types; without any, all events."""
        self._subscribers.append((sink, types))
        self._by_type.clear()

    def emit(self, event: Event) -> None:
        """See EventSink."""
        subscribers = self._by_type.get(type(event))
        if subscribers is None:
            subscribers = self._find(type(event))
        for sink in subscribers:
            try:
                sink.emit(event)
            except Exception as error:  # noqa: BLE001 - whoever watches must not harm what it watches
                self._log_once(sink, error)

    def _find(self, wanted: type) -> tuple[EventSink, ...]:
        found = tuple(s for s, types in self._subscribers if not types or wanted in types)
        self._by_type[wanted] = found
        return found

    def _log_once(self, sink: EventSink, error: Exception) -> None:
        fault = (type(sink), type(error))
        if fault not in self._known_faults:
            self._known_faults.add(fault)
            log.error(
                "an observer failed; deliveries go on without it",
                observer=type(sink).__name__,
                exc_info=error,
            )
