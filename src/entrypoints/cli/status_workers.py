"""What `status` says of the workers: pauses, what they have in hand, and how old the oldest is."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.inbound.survey import QueueState
from adapters.message_format.headers import iso
from domain.events import LEDGER
from entrypoints.watching.notes import PauseState, RelayState, WorkerState

_FACTS = (
    ("rate", "mails a second"),
    ("connections", "connections"),
    ("session_mails", "mails a connection"),
    ("mail_recipients", "recipients a mail"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWork:
    """A queue as its workers see it. `in_hand` is None where no worker says anything."""

    in_hand: int | None
    oldest: datetime | None
    """Since when the oldest message that waits or is in hand waits; None: not known."""
    pauses: Sequence[tuple[WorkerState, PauseState]]
    """Those of its channel, and of the ledger, which holds up every channel."""


def work_of(state: QueueState, channel: str, workers: Sequence[WorkerState]) -> QueueWork:
    """What the workers say of one queue."""
    mine = [worker.in_hand[state.queue] for worker in workers if state.queue in worker.in_hand]
    times = [_time(one.oldest) for one in mine]
    if state.oldest is not None:
        times.append(state.oldest)
    return QueueWork(
        in_hand=sum(one.count for one in mine) if workers else None,
        oldest=min(times, default=None),
        pauses=[
            (worker, pause)
            for worker in workers
            for pause in worker.pauses
            if pause.name in {channel, str(LEDGER)}
        ],
    )


def as_json(work: QueueWork, workers: Sequence[WorkerState]) -> dict[str, object]:
    """The fields of one queue; times in ISO 8601."""
    return {
        "oldest": None if work.oldest is None else iso(work.oldest),
        "pauses": [
            {
                "name": pause.name,
                "cause": pause.cause,
                "since": iso(_time(pause.since)),
                "next_try": iso(_time(pause.next_try)),
                "worker": worker.worker,
            }
            for worker, pause in work.pauses
        ],
        "workers": [
            {
                "worker": worker.worker,
                "seen_at": iso(_time(worker.seen_at)),
                "settled_at": worker.settled_at and iso(_time(worker.settled_at)),
                "in_hand": sum(one.count for one in worker.in_hand.values()),
            }
            for worker in workers
        ],
    }


def pause_lines(workers: Iterable[WorkerState]) -> list[str]:
    """One line for each pause of each worker."""
    return [_paused(worker, pause) for worker in workers for pause in worker.pauses]


def worker_lines(workers: Iterable[WorkerState]) -> list[str]:
    """One line for each worker."""
    return [_at_work(worker) for worker in workers]


def oldest_line(queue: str, work: QueueWork) -> str | None:
    """How long the oldest message waits; None where nothing waits, as far as is known."""
    if work.oldest is None:
        return None
    return f"queue {queue}: the oldest message waits for {age(work.oldest.timestamp())}"


def relay_line(state: RelayState) -> str:
    """What a relay takes, as far as it is learned."""
    facts = state.facts
    parts = [f"{round(facts[name], 1):g} {text}" for name, text in _FACTS if name in facts]
    text = f"takes {', '.join(parts)}" if parts else "takes mail"
    if (until := facts.get("closed_until", 0)) > time.time():
        clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(until))
        text += f"; mails wait until {clock}"
    return f"relay {state.relay} {text} (seen {round(time.time() - state.seen_at)} s ago)"


def age(since: float) -> str:
    """How long ago, in words: `12 s`, `5 min`, `3 h`, `2 d`."""
    seconds = max(0, round(time.time() - since))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _paused(worker: WorkerState, pause: PauseState) -> str:
    what = "the ledger" if pause.name == str(LEDGER) else f"channel {pause.name}"
    wait = max(0, round(pause.next_try - time.time()))
    return (
        f"{what} is paused for {age(pause.since)}, next try in {wait} s (worker {worker.worker}):"
        f" {pause.cause}"
    )


def _at_work(worker: WorkerState) -> str:
    count = sum(one.count for one in worker.in_hand.values())
    settled = "no message settled yet"
    if worker.settled_at is not None:
        settled = f"the last was settled {age(worker.settled_at)} ago"
    return (
        f"worker {worker.worker}: {count} messages in hand, {settled}"
        f" (seen {age(worker.seen_at)} ago)"
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
