"""Reports to the service manager that started this process: systemd's protocol of sd_notify(3)."""

import socket
import time
from contextlib import suppress

from entrypoints.settings.supervision import Supervision, read_supervision

_READY = "READY=1"
_STOPPING = "STOPPING=1"
_ALIVE = "WATCHDOG=1"
_REPORTS_IN_ONE_PERIOD = 3


class ServiceManager:
    """Where reports go, if anywhere. A report that cannot be delivered is dropped: the manager
    then does what it does with a silent service."""

    def __init__(self, supervision: Supervision | None = None) -> None:
        """Without `supervision`: what the environment says."""
        self._supervision = read_supervision() if supervision is None else supervision
        self._next = 0.0

    @property
    def is_watching(self) -> bool:
        """Whether it expects reports that the worker is alive."""
        return self._supervision.period is not None

    def ready(self) -> None:
        """Report that the worker runs; its broker may still be away."""
        self._report(_READY)

    def stopping(self) -> None:
        """Report that the worker finishes what is in hand and ends."""
        self._report(_STOPPING)

    def alive(self) -> None:
        """Report to the watchdog, where there is one and it is time; call this often."""
        period, now = self._supervision.period, time.monotonic()
        if period is not None and now >= self._next:
            self._next = now + period / _REPORTS_IN_ONE_PERIOD
            self._report(_ALIVE)

    def _report(self, state: str) -> None:
        address = self._supervision.socket
        if not address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(0)  # a manager that reads nothing holds nothing up
            channel.sendto(state.encode(), address)
