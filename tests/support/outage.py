"""The mail server is away for minutes with thousands queued: what it costs, in figures.

`python -m tests.support.outage MINUTES MAILS`. A quarter as many mails flow first, for the rate.
Exits with 1 when a mail is lost, dead, sent twice or has spent an attempt, or when none flows a
minute after the server is back.
"""

import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.integration.faults.scene import Account, Scene
from tests.support.brokers import start_rabbitmq
from tests.support.containers import RABBITMQ
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Cut, Say
from tests.support.worker import Worker, wait_until

PAUSED = "channel is paused: what it needs is away"
_LOOK = 0.2
_SETTLE = 300
"""Seconds from the server's return to the last mail, with some that were handed back to the broker
for a minute."""


@dataclass(frozen=True)
class Result:
    """How a run ended; times in seconds, rates in mails a second."""

    minutes: float
    published: int
    account: Account
    attempts: dict[int, int]
    lines: int
    rate_before: float
    first_after: float
    last_after: float
    rate_after: float

    @property
    def holds(self) -> bool:
        return (
            len(self.account.sent) == self.published
            and not self.account.duplicates
            and set(self.attempts) == {1}
            and self.first_after < 60
        )

    def __str__(self) -> str:
        return "\n".join(
            (
                f"outage        {self.minutes:g} minutes",
                f"published     {self.published}",
                f"delivered     {len(self.account.sent)}, twice {self.account.duplicates}",
                f"dead-lettered {len(self.account.dead)}",
                f"still queued  {len(self.account.waiting)}",
                f"attempts      {self.attempts} (attempt: mails sent in it)",
                f"log lines     {self.lines} of the pause",
                f"rate before   {self.rate_before:.0f} mails/s",
                f"rate after    {self.rate_after:.0f} mails/s",
                f"first mail    {self.first_after:.1f} s after the server is back",
                f"last mail     {self.last_after:.1f} s after the server is back",
            )
        )


class Outage:
    """One run."""

    def __init__(
        self, folder: Path, broker: Broker, queue: str, *, minutes: float, mails: int
    ) -> None:
        self._scene = Scene(folder, broker, queue)
        self._minutes = minutes
        self._mails = mails

    def run(self) -> Result:
        """Measure the rate, take the server away, bring it back, and count."""
        early = self._mails // 4
        with self._scene.playing() as scene:
            scene.publish_orders(early)
            with scene.worker() as worker:
                rate_before = _rate(self._watch(worker, 0, early))
                scene.server.on("connect", Say("421 4.3.2 down"))
                scene.server.on("mail", Cut("421 4.3.2 going down"))
                down = time.monotonic()
                scene.publish_orders(self._mails, first=early)
                worker.wait_for(PAUSED)
                time.sleep(max(0.0, down + self._minutes * 60 - time.monotonic()))
                assert scene.sent_so_far() == early
                scene.server.rules.clear()
                back = time.monotonic()
                after = self._watch(worker, early, early + self._mails)
                self._await_empty(worker)
                assert worker.terminate() == 0, worker.output
            return Result(
                minutes=self._minutes,
                published=len(scene.published),
                account=scene.account(),
                attempts=_attempts(worker),
                lines=len(worker.events(PAUSED)),
                rate_before=rate_before,
                first_after=after[0][0] - back,
                last_after=after[-1][0] - back,
                rate_after=_rate(after),
            )

    def _watch(self, worker: Worker, start: int, end: int) -> list[tuple[float, int]]:
        """Times and counts from the first mail beyond `start` until there are `end`."""
        looks: list[tuple[float, int]] = []
        give_up = time.monotonic() + _SETTLE + end / 50
        while not looks or looks[-1][1] < end:
            assert time.monotonic() < give_up, worker.output[-4000:]
            time.sleep(_LOOK)
            count = self._scene.sent_so_far()
            if count > start:
                looks.append((time.monotonic(), count))
        return looks

    def _await_empty(self, worker: Worker) -> None:
        with Peer(self._scene.broker.url) as peer:
            wait_until(lambda: not peer.ready(self._scene.queue), on_failure=lambda: worker.output)


def _rate(looks: list[tuple[float, int]]) -> float:
    """Without the last percent: a few mails may rest in the broker for a minute."""
    first, last = looks[0], looks[-1]
    most = first[1] + (last[1] - first[1]) * 0.99
    reached = next(look for look in looks if look[1] >= most)
    return (reached[1] - first[1]) / max(reached[0] - first[0], _LOOK)


def _attempts(worker: Worker) -> dict[int, int]:
    attempts: dict[int, int] = {}
    for entry in worker.events("notification sent"):
        attempts[entry["attempt"]] = attempts.get(entry["attempt"], 0) + 1
    return attempts


def main() -> int:
    """Run on a broker of its own."""
    minutes, mails = float(sys.argv[1]), int(sys.argv[2])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outage-")))
        broker = start_rabbitmq(stack, RABBITMQ, "current")
        print(f"{mails} mails, {minutes:g} minutes; logs in {folder} while it runs", flush=True)
        result = Outage(folder, broker, "outage", minutes=minutes, mails=mails).run()
        print(result)
        return 0 if result.holds else 1


if __name__ == "__main__":
    sys.exit(main())
