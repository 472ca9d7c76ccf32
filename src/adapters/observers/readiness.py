"""What keeps a worker from its work now, for the probes and for whoever waits."""

from collections.abc import Mapping

from domain.events import (
    BROKER,
    SETTLEMENT,
    TEMPLATES,
    Event,
    TemplatesChanged,
    Trouble,
    TroubleBegan,
    TroubleEnded,
    TroubleKind,
    TroubleUncertain,
)

_NOT_CONSUMED = "the broker is not connected, or a work queue is not consumed"
_HARMLESS = frozenset({TEMPLATES, SETTLEMENT})
"""Troubles that keep no message waiting, as far as is known."""


class Readiness:
    """Keeps the troubles that last, with the last error of each."""

    TYPES = (TroubleBegan, TroubleEnded, TroubleUncertain, TemplatesChanged)
    """What it wants to get."""

    def __init__(self) -> None:
        self._troubles: dict[Trouble, str] = {}

    def emit(self, event: Event) -> None:
        """See EventSink."""
        match event:
            case TroubleBegan(trouble, error):
                self._troubles[trouble] = error
            case TroubleEnded(trouble) | TroubleUncertain(trouble):
                self._troubles.pop(trouble, None)
            case TemplatesChanged(faults=()):
                self._troubles.pop(TEMPLATES, None)
            case TemplatesChanged(faults=faults):
                self._troubles[TEMPLATES] = "; ".join(faults)

    @property
    def is_held_up(self) -> bool:
        """Whether a known trouble keeps messages in hand: a pause, or the broker."""
        return not self._troubles.keys() <= _HARMLESS

    def paused_channels(self) -> frozenset[str]:
        """The channels that are paused."""
        return frozenset(t.name for t in self._troubles if t.kind is TroubleKind.CHANNEL)

    def causes(self, *, is_consuming: bool) -> Mapping[str, str]:
        """Why this worker is not ready, cause by name; empty when it is."""
        causes = {str(trouble): error for trouble, error in self._troubles.items()}
        if not is_consuming:
            causes.setdefault(str(BROKER), _NOT_CONSUMED)
        return causes
