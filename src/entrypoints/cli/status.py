"""`dispatcher status`."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from adapters.channels import CHANNELS
from adapters.inbound.contract import QueueState
from adapters.message_format.headers import iso
from domain.events import LEDGER, SUPPRESSIONS
from domain.ledger import LedgerUnavailable
from entrypoints.cli.application import duration, opened, print_json, print_table, words
from entrypoints.settings import Settings
from entrypoints.watching.notes import (
    PauseState,
    RelayState,
    WorkerState,
    relay_states,
    worker_states,
)

_FACTS = {
    "rate": "mails a second",
    "connections": "connections",
    "session_mails": "mails a connection",
    "mail_recipients": "recipients a mail",
}

_SHARED = {str(LEDGER): "the ledger", str(SUPPRESSIONS): "the list of suppressions"}
"""What every channel waits for while it is paused."""


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show how many messages of each queue are ready, in hand, waiting and dead; what is paused,
    why, and when it is tried next.

    Takes no message and creates nothing. Pauses, and with RabbitMQ the messages in hand, are what
    the workers wrote into the ledger within the last seconds. RabbitMQ does not show why messages
    are dead; `dispatcher failed list` does. The embedded queue does not show consumers.
    """
    with opened(names_queue=True) as app:
        states = app.run(app.container.survey())
        try:
            notes = app.run(app.container.paces().notes())
        except LedgerUnavailable as error:
            words(f"what the workers say of themselves cannot be read: {error}")
            notes = {}
    relays, workers = relay_states(notes), worker_states(notes)
    queues = [_queue(app.settings, state, relays, workers) for state in states]
    if as_json:
        print_json(queues)
        return
    print_table(["queue", "ready", "in hand", "consumers", "waiting", "dead"], map(_row, queues))
    for line in (
        *(line for state in states for line in _troubles(app.settings, state)),
        *(_pause_line(worker, pause) for worker in workers for pause in worker.pauses),
        *(_oldest_line(queue) for queue in queues if queue["oldest"]),
        *map(_worker_line, workers),
        *(_relay_line(name, state) for name, state in relays.items()),
    ):
        words(line)


def _queue(
    settings: Settings,
    state: QueueState,
    relays: Mapping[str, RelayState],
    workers: Sequence[WorkerState],
) -> dict[str, Any]:
    """A queue as the broker and the workers show it; times in ISO 8601, None where not known."""
    channel = settings.queue_channels[state.queue]
    held = [worker.in_hand[state.queue] for worker in workers if state.queue in worker.in_hand]
    in_hand = sum(one.count for one in held) if workers else None
    since = [one.oldest for one in held] + ([state.oldest.timestamp()] if state.oldest else [])
    learned = {
        name: dict(one.facts) for name, one in relays.items() if CHANNELS[channel].has_relays
    }
    return {
        "queue": state.queue,
        "channel": channel,
        "exists": state.exists,
        "ready": state.ready,
        "unacked": in_hand if state.unacked is None else state.unacked,
        "consumers": state.consumers,
        "waiting": [
            {"delay": one.delay and duration(one.delay), "messages": one.messages}
            for one in state.waiting
        ],
        "dead": None if f"{state.queue}.dead" in state.unseen else state.dead or 0,
        "dead_by_reason": state.dead_by_reason,
        **({"relays": learned} if learned else {}),
        "oldest": _time(min(since, default=None)),
        **_seen_by_workers(channel, workers),
    }


def _seen_by_workers(channel: str, workers: Sequence[WorkerState]) -> dict[str, Any]:
    """The pauses of the channel, and of what holds up every channel: the ledger, the list of
    suppressions; each worker."""
    return {
        "pauses": [
            {
                "name": pause.name,
                "cause": pause.cause,
                "since": _time(pause.since),
                "next_try": _time(pause.next_try),
                "worker": worker.worker,
            }
            for worker in workers
            for pause in worker.pauses
            if pause.name in {channel, str(LEDGER), str(SUPPRESSIONS)}
        ],
        "workers": [
            {
                "worker": worker.worker,
                "seen_at": _time(worker.at),
                "settled_at": _time(worker.settled_at),
                "in_hand": _in_hand(worker),
            }
            for worker in workers
        ],
    }


def _in_hand(worker: WorkerState) -> int:
    return sum(one.count for one in worker.in_hand.values())


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))


def _row(queue: Mapping[str, Any]) -> tuple[object, ...]:
    ready, in_hand, consumers, dead = (
        "?" if queue[name] is None else queue[name]
        for name in ("ready", "unacked", "consumers", "dead")
    )
    reasons = ", ".join(f"{n} {why}" for why, n in (queue["dead_by_reason"] or {}).items())
    waiting = [
        f"{one['messages']} for {one['delay']}" if one["delay"] else str(one["messages"])
        for one in queue["waiting"]
        if one["messages"]
    ]
    return (
        queue["queue"],
        ready if queue["exists"] else "absent",
        in_hand,
        consumers,
        ", ".join(waiting) or 0,
        f"{dead}{f' ({reasons})' if reasons else ''}",
    )


def _troubles(settings: Settings, state: QueueState) -> list[str]:
    lines = [state.problem] if state.problem else []
    if state.unseen:
        lines.append(f"this user may not look at {', '.join(state.unseen)}: no right on them")
    if not state.exists and not settings.is_embedded:
        lines.append(f"queue {state.queue} does not exist yet")
    elif state.ready and state.consumers == 0:
        lines.append(f"queue {state.queue}: no worker consumes it")
    return lines


def _pause_line(worker: WorkerState, pause: PauseState) -> str:
    what = _SHARED.get(pause.name, f"channel {pause.name}")
    wait = max(0, round(pause.next_try - time.time()))
    return (
        f"{what} is paused for {_age(pause.since)}, next try in {wait} s (worker {worker.worker}):"
        f" {pause.cause}"
    )


def _oldest_line(queue: Mapping[str, Any]) -> str:
    since = datetime.fromisoformat(queue["oldest"]).timestamp()
    return f"queue {queue['queue']}: the oldest message waits for {_age(since)}"


def _worker_line(worker: WorkerState) -> str:
    settled = "no message settled yet"
    if worker.settled_at is not None:
        settled = f"the last was settled {_age(worker.settled_at)} ago"
    return (
        f"worker {worker.worker}: {_in_hand(worker)} messages in hand, {settled}"
        f" (seen {_age(worker.at)} ago)"
    )


def _relay_line(name: str, state: RelayState) -> str:
    facts = state.facts
    parts = [f"{round(facts[name], 1):g} {text}" for name, text in _FACTS.items() if name in facts]
    text = f"takes {', '.join(parts)}" if parts else "takes mail"
    if (until := facts.get("closed_until", 0)) > time.time():
        clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(until))
        text += f"; mails wait until {clock}"
    return f"relay {name} {text} (seen {round(time.time() - state.at)} s ago)"


def _age(since: float) -> str:
    """How long ago, in words: `12 s`, `5 min`, `3 h`, `2 d`."""
    seconds = max(0, round(time.time() - since))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
