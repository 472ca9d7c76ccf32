"""What a worker knows of its own state: logged as it changes, kept for probes and alerts."""

from collections.abc import Mapping
from datetime import timedelta

import structlog

from adapters.observers.logs import mask_addresses
from adapters.rabbitmq.watch import QUEUES
from adapters.templates import SetReport
from domain.alerts import AlertPolicy
from entrypoints.harmless import harmless

TEMPLATES = "templates"
SETTLEMENT = "settlement"
"""The trouble of a worker that holds messages and settles no message, for no known reason."""

_NOT_CONSUMED = "the broker is not connected, or a work queue is not consumed"

log = structlog.get_logger()


class Vitals:
    """Gets pauses, template sets, and trouble with the broker. Raises nothing into those
    who report."""

    def __init__(self, alerts: AlertPolicy) -> None:
        self._alerts = alerts
        self._paused: dict[str, str] = {}
        self._broker: dict[str, str] = {}
        self._template_faults: tuple[str, ...] = ()
        self._stalled: str | None = None

    @harmless
    def pause(self, name: str, error: str | None) -> None:
        """A channel, or the ledger, is paused by `error`; None: it goes on."""
        if error is None:
            self._paused.pop(name, None)
            log.info("channel goes on: what it needs is back", channel=name)
        else:
            self._paused[name] = error
            log.error("channel is paused: what it needs is away", channel=name, error=error)
        self._alerts.trouble(name, error and mask_addresses(error))

    @harmless
    def trouble(self, name: str, error: str | None) -> None:
        """The broker, or a queue in it, is in trouble; None: it is not. Its adapter logs it."""
        if error is None:
            self._broker.pop(name, None)
        else:
            self._broker[name] = error
        self._alerts.trouble(name, error and mask_addresses(error))

    @harmless
    def unsure(self, name: str) -> None:
        """Nothing waits for it any more, so it holds up nothing; it is not known to have ended."""
        self._broker.pop(name, None)
        self._alerts.unsure(name)

    @harmless
    def recreated(self, queue: str) -> None:
        """A queue was deleted under us and is created again. Its adapter logs it."""
        self._alerts.incident(f"queue {queue}", "it was deleted, with whatever was in it")

    @harmless
    def templates(self, report: SetReport) -> None:
        """A template set was taken or refused."""
        self._template_faults = report.faults
        version, error = report.version, "; ".join(report.faults) or None
        if report.is_refused:
            event = "templates are broken; the last good set stays in use"
            log.error(event, fault=error, templates_version=version)
        elif error:
            event = "a template is broken; its messages are dead-lettered until it is fixed"
            log.error(event, fault=error, templates_version=version)
        else:
            log.info("templates changed", templates_version=version)
        for file in report.unknown:
            log.error("a file among the templates is not used", fault=file)
        self._alerts.trouble(TEMPLATES, error, patience=timedelta(0))

    @harmless
    def stalled(self, error: str | None) -> None:
        """Messages are in hand, and nothing is settled, though nothing is known to be in the way;
        None: messages are settled again."""
        self._stalled = error
        if error is None:
            log.info("messages are settled again")
        else:
            log.error("no message is settled", error=error)
        self._alerts.trouble(SETTLEMENT, error, patience=timedelta(0))

    @property
    def is_stalled(self) -> bool:
        """Whether messages are in hand and no message is settled."""
        return self._stalled is not None

    @property
    def is_held_up(self) -> bool:
        """Whether a trouble that was reported keeps messages in hand: a pause, or the broker."""
        return bool(self._paused or self._broker)

    def paused(self) -> frozenset[str]:
        """Paused channels, and the ledger's name if it is away."""
        return frozenset(self._paused)

    def troubles(self, *, is_consuming: bool) -> Mapping[str, str]:
        """Why this worker is not ready, cause by name; empty when it is."""
        troubles = {**self._paused, **self._broker}
        if not is_consuming:
            troubles.setdefault(QUEUES, _NOT_CONSUMED)
        if self._stalled is not None:
            troubles[SETTLEMENT] = self._stalled
        if self._template_faults:
            troubles[TEMPLATES] = "; ".join(self._template_faults)
        return troubles
