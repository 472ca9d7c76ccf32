"""A mail server that takes so many mails in a period, and refuses the others for their rate."""

import time

from tests.support.smtp_script import Action, Say
from tests.support.smtp_server import SmtpServer

SES = "454 Throttling failure: Maximum sending rate exceeded."


class ThrottlingServer(SmtpServer):
    """Refuses in `phase` (`dot`: after the mail) with `reply` what is more than `count` mails
    within the last `period` seconds."""

    def __init__(
        self, count: int, period: float = 1.0, *, phase: str = "dot", reply: str = SES
    ) -> None:
        super().__init__()
        self.count = count
        self.period = period
        self.times: list[float] = []
        self.refused = 0
        self._phase = phase
        self._reply = reply

    def action(self, phase: str, text: str = "") -> Action | None:
        if phase == self._phase and not self._has_room():
            self.refused += 1
            return Say(self._reply)
        if phase == "dot":
            self.times.append(time.monotonic())
        return super().action(phase, text)

    def _has_room(self) -> bool:
        start = time.monotonic() - self.period
        return sum(at > start for at in self.times[-self.count :]) < self.count
