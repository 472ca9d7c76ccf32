"""Reports to the service manager that started this process: systemd's protocol of sd_notify(3)."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field

READY = "READY=1"
"""The worker runs; its broker may still be away."""
STOPPING = "STOPPING=1"
"""The worker finishes what is in hand and ends."""

_REPORTS_IN_ONE_PERIOD = 3


@dataclass(slots=True)
class ServiceManager:
    """Where reports go, if anywhere, and how often it expects one; None: never. A report that
    cannot be delivered is dropped: the manager then does what it does with a silent service."""

    address: str = ""
    period: float | None = None
    _next: float = field(default=0.0, init=False)

    def alive(self) -> None:
        """Report to the watchdog, where there is one and it is time; call this often."""
        now = time.monotonic()
        if self.period is not None and now >= self._next:
            self._next = now + self.period / _REPORTS_IN_ONE_PERIOD
            self.report("WATCHDOG=1")

    def report(self, state: str) -> None:
        """Report `READY` or `STOPPING`."""
        if not self.address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(0)  # a manager that reads nothing holds nothing up
            channel.sendto(state.encode(), self.address)
