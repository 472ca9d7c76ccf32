"""Telegram at the pace of its limits: a real worker, RabbitMQ, and a Bot API that keeps the limits.

`python -m benchmarks.telegram --help` lists the options. By default about six minutes: that is
what thirty messages a second make of ten thousand. Mails are sent before and meanwhile, so that
what they lose is seen. The exit code is 0 if the Bot API refused nothing and the time was within
the bound.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.rabbit import Peer
from tests.support.telegram_server import BotApi, ServerLimits
from tests.support.threads import in_thread

from benchmarks.message import body
from benchmarks.services import Queue, Sink, Unavailable, rabbitmq

ROOT = Path(__file__).parent
TEMPLATES = ROOT / "templates"
TOKEN = "123456:benchmark"

_LOOK = 0.05
_WARM_UP = 300  # messages before the mails are let in
_STALLED = 60.0  # seconds
_BOUND = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Seconds from the first accepted to the last, and what the limits allow; mails a second."""

    messages: int
    chats: int
    seconds: float
    ideal: float
    refused: int
    mails_alone: float
    mails_beside: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.ideal

    @property
    def holds(self) -> bool:
        return self.ratio <= _BOUND and not self.refused


class Bench:
    """One broker, two queues, and workers that one after the other serve both."""

    def __init__(self, url: str, sink: Sink, api: BotApi, home: str) -> None:
        self._url = url
        self._sink = sink
        self._api = api
        name = uuid.uuid4().hex[:8]
        self.mails = Queue(url, f"bench-{name}")
        self.telegram = Queue(url, f"bench-telegram-{name}")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DISPATCHER_")}
        self._environment = inherited | {
            "PYTHONPATH": str(ROOT.parent / "src"),
            "DISPATCHER_BROKER_URL": url,
            "DISPATCHER_QUEUES": f"email={self.mails.name},telegram={self.telegram.name}",
            "DISPATCHER_EMAIL_URL": f"smtp://{sink.host}:{sink.port}",
            "DISPATCHER_TELEGRAM_TOKEN": TOKEN,
            "DISPATCHER_TELEGRAM_API_URL": api.url,
            "DISPATCHER_TEMPLATES_DIR": str(TEMPLATES),
            "DISPATCHER_HOME": home,
        }

    def run(self, chats: Sequence[int], mails: int) -> Result:
        self.mails.declare()
        self.telegram.declare()
        self.mails.fill(map(body, range(mails)))
        before = self._sink.accepted()
        with self._worker() as watch:
            alone = self._mail_rate(watch, before, mails)
        self.telegram.fill(_messages(chats))
        with self._worker() as watch:
            watch(lambda: len(self._api.delivered), min(_WARM_UP, len(chats)))
            before = self._sink.accepted()
            with Peer(self._url) as producer:
                producer.flood(self.mails.name, [*map(body, range(mails, 2 * mails))])
            beside = self._mail_rate(watch, before, mails)
            watch(lambda: len(self._api.delivered), len(chats))
        times = [call.at for call in self._api.delivered]
        return Result(
            messages=len(chats),
            chats=len(set(chats)),
            seconds=times[-1] - times[0],
            ideal=max(len(chats) / 30, *Counter(chats).values()),
            refused=self._api.refused_by_limit,
            mails_alone=alone,
            mails_beside=beside,
        )

    def delete(self) -> None:
        for queue in (self.mails, self.telegram):
            queue.delete()

    def _mail_rate(self, watch: "Watch", before: int, mails: int) -> float:
        watch(lambda: self._sink.accepted() - before, 1)
        first, started = self._sink.accepted() - before, time.monotonic()
        watch(lambda: self._sink.accepted() - before, mails)
        return (mails - first) / (time.monotonic() - started)

    @contextmanager
    def _worker(self) -> Iterator["Watch"]:
        command = [sys.executable, "-m", "entrypoints.worker"]
        with tempfile.TemporaryFile() as log:
            worker = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
            try:
                yield Watch(worker)
            except Unavailable as error:
                log.seek(0)
                raise Unavailable(f"{error}\n{log.read()[-2000:].decode()}") from None
            finally:
                worker.terminate()
                worker.wait(60)


class Watch:
    """Waits for a count to be reached, as long as the worker lives and the count grows."""

    def __init__(self, worker: "subprocess.Popen[bytes]") -> None:
        self._worker = worker

    def __call__(self, done: Callable[[], int], count: int) -> None:
        seen, since = done(), time.monotonic()
        while seen < count:
            time.sleep(_LOOK)
            if self._worker.poll() is not None:
                raise Unavailable(f"the worker ended with {self._worker.returncode}")
            if (now := done()) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > _STALLED:
                raise Unavailable(f"nothing has come for {_STALLED:.0f} s, after {seen}")


def _messages(chats: Sequence[int]) -> Iterator[bytes]:
    for number, chat in enumerate(chats):
        message = json.loads(body(number))
        yield json.dumps({**message, "id": f"telegram-{number}", "to": chat}).encode()


def main() -> int:
    """Run it once and print the result."""
    parser = argparse.ArgumentParser(prog="benchmarks.telegram", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="in all (%(default)s)")
    parser.add_argument("--chats", type=int, default=200, help="they go to (%(default)s)")
    parser.add_argument("--mails", type=int, default=5_000, help="beside them (%(default)s)")
    parser.add_argument("--by-chat", action="store_true", help="one chat after another, unmixed")
    options = parser.parse_args()
    chats = sorted(1 + number % options.chats for number in range(options.messages))
    if not options.by_chat:
        random.Random(1).shuffle(chats)
    api = BotApi(TOKEN, ServerLimits())
    try:
        with (
            rabbitmq() as url,
            Sink() as sink,
            in_thread(api),
            tempfile.TemporaryDirectory() as home,
        ):
            bench = Bench(url, sink, api, home)
            try:
                result = bench.run(chats, options.mails)
            finally:
                bench.delete()
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    for name, value in {**asdict(result), "ratio": result.ratio}.items():
        print(f"{name:14} {value:,.2f}" if isinstance(value, float) else f"{name:14} {value:,}")
    return 0 if result.holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
