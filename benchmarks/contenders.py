"""Who is measured, and how each is started and gets its messages."""

import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from subprocess import run

from benchmarks.measure import Command, Figures, RunFailed, measure
from benchmarks.message import body
from benchmarks.services import Queue, Sink, Unavailable, postfix

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "benchmarks" / "templates"
PEERS = ROOT / ".venv-peers" / "bin"

OURS = "entrypoints.worker"
_MAIL_BYTES = 6400  # what all others send
_CONNECTIONS = 10

_TWO = {
    "celery": ["celery", "-A", "benchmarks.peers.celery_worker", "worker", "--concurrency", "2"],
    "dramatiq": ["dramatiq", "benchmarks.peers.dramatiq_worker", "--processes", "2"],
}
_ONE = {
    "handwritten": ["python", "-m", "benchmarks.peers.handwritten"],
    "faststream": ["faststream", "run", "benchmarks.peers.faststream_worker:app"],
}


def dispatcher(
    url: str,
    sink: Sink,
    messages: Iterable[bytes],
    mails: int,
    *,
    processes: int = 1,
    **settings: str,
) -> Figures:
    """Measure our worker on `messages`, from which come `mails`: all safety on, metrics served, one
    JSON line a mail into a file. `settings` are further ones, by their names."""
    with _queue(url) as queue, tempfile.TemporaryDirectory(prefix="bench-") as home:
        queue.declare()
        queue.fill(messages)
        ours = {
            "BROKER_URL": url,
            "QUEUES": f"email={queue.name}",
            "EMAIL_URL": f"smtp://{sink.address}",
            **settings,
        }
        return measure(worker(home, processes=processes, **ours), sink, mails, queue.ready)


def starts(url: str, sink: Sink) -> tuple[float, float]:
    """Seconds from the start of our worker to its first mail: where it has to make its queues, and
    where they exist."""
    with _queue(url) as queue, tempfile.TemporaryDirectory(prefix="bench-") as home:
        queue.declare()
        relay = f"smtp://{sink.address}"
        command = worker(home, BROKER_URL=url, QUEUES=f"email={queue.name}", EMAIL_URL=relay)
        times = []
        for number in range(2):
            queue.fill([body(number)])
            times.append(measure(command, sink, 1, queue.ready)["start"])
        return times[0], times[1]


def worker(home: str, *, processes: int = 1, module: str = OURS, **settings: str) -> Command:
    """How our worker is started."""
    ours = {
        "CHANNELS": "email",
        "TEMPLATES_DIR": str(TEMPLATES),
        "HOME": home,
        "HTTP": "127.0.0.1:0",
        "LOG_FORMAT": "json",
        **settings,
    }
    named = {f"DISPATCHER_{name}": value for name, value in ours.items()}
    words = [sys.executable, "-m", module, "--processes", str(processes)]
    return Command(words=words, environment=_inherited() | named)


def peer(name: str, url: str, sink: Sink, mails: int) -> Figures:
    """Measure one of the others on so many messages."""
    program, *arguments = (_ONE | _TWO)[name]
    if not (PEERS / program).exists():
        raise Unavailable(f"{PEERS / program} is missing: start with `make bench`")
    with _queue(url) as queue:
        environment = _inherited() | {
            "BENCH_AMQP_URL": url,
            "BENCH_QUEUE": queue.name,
            "BENCH_SMTP": sink.address,
        }
        if name in _TWO:  # these have a wire format of their own
            fill = ["-m", "benchmarks.peers.fill", f"benchmarks.peers.{name}_worker", str(mails)]
            run([str(PEERS / "python"), *fill], env=environment, check=True)
            queue.await_ready(mails)
        else:
            queue.declare()
            queue.fill(map(body, range(mails)))
        words = [str(PEERS / program), *arguments]
        return measure(Command(words=words, environment=environment), sink, mails, queue.ready)


def smtp_source(sink: Sink, mails: int) -> Figures:
    """Postfix's own client sends so many ready-made mails: what the wire takes."""
    count = ["-s", str(_CONNECTIONS), "-m", str(mails), "-l", str(_MAIL_BYTES)]
    before, began, cpu = sink.accepted(), time.monotonic(), _children()
    run([postfix("smtp-source"), *count, sink.address], check=True)
    seconds, cpu = time.monotonic() - began, _children() - cpu
    if (accepted := sink.accepted() - before) != mails:
        raise RunFailed(f"smtp-source was to send {mails}, the server accepted {accepted}")
    return {"rate": mails / seconds, "cpu": cpu * 1000 / mails}


def repeated(times: int, case: Callable[[], Figures]) -> Figures:
    """The means of several runs, for those that are short."""
    runs = [case() for _ in range(times)]
    return {name: sum(figures[name] for figures in runs) / times for name in runs[0]}


@contextmanager
def _queue(url: str) -> Iterator[Queue]:
    queue = Queue(url, f"bench-{uuid.uuid4().hex[:8]}")
    try:
        yield queue
    finally:
        queue.delete()


def _inherited() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DISPATCHER_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: only the first start compiles
    return dict(kept, PYTHONPATH=f"{ROOT}:{ROOT / 'src'}", PYTHONSAFEPATH="1")


def _children() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
