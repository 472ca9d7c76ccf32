"""`dispatcher status`."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import click

from adapters.channels import CHANNELS
from adapters.inbound.survey import QueueState, Waiting
from domain.ledger import LedgerUnavailable
from entrypoints.cli.letters import open_queue
from entrypoints.cli.output import duration, print_json, print_table, words
from entrypoints.cli.status_workers import (
    QueueWork,
    oldest_line,
    pause_lines,
    relay_line,
    work_of,
    worker_lines,
)
from entrypoints.cli.status_workers import as_json as seen_by_workers
from entrypoints.cli.surveying import survey
from entrypoints.ledgers import pace_store
from entrypoints.settings import Settings
from entrypoints.watching.notes import RelayState, WorkerState, relay_states, worker_states

_UNKNOWN = "?"


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show how many messages of each queue are ready, in hand, waiting and dead; what is paused,
    why, and when it is tried next.

    Takes no message and creates nothing. Pauses, and with RabbitMQ the messages in hand, are what
    the workers wrote into the ledger within the last seconds. RabbitMQ does not show why messages
    are dead; `dispatcher failed list` does. The embedded queue does not show consumers.
    """
    settings = open_queue()
    states = asyncio.run(survey(settings))
    relays, workers = asyncio.run(_from_ledger(settings))
    work = [work_of(state, settings.queue_channels[state.queue], workers) for state in states]
    if as_json:
        shown = zip(states, work, strict=True)
        print_json([_object(settings, s, relays) | _seen(s, w, workers) for s, w in shown])
        return
    print_table(
        ["queue", "ready", "in hand", "consumers", "waiting", "dead"],
        [_row(state, one) for state, one in zip(states, work, strict=True)],
    )
    _say(settings, states)
    oldest = [oldest_line(s.queue, w) for s, w in zip(states, work, strict=True)]
    relay_lines = [relay_line(relay) for relay in relays]
    for line in (
        *pause_lines(workers),
        *filter(None, oldest),
        *worker_lines(workers),
        *relay_lines,
    ):
        words(line)


def _say(settings: Settings, states: Sequence[QueueState]) -> None:
    for state in states:
        if state.problem:
            words(state.problem)
        if state.unseen:
            words(f"this user may not look at {', '.join(state.unseen)}: no right on them")
        if not state.exists and not settings.is_embedded:
            words(f"queue {state.queue} does not exist yet")
        elif state.ready and state.consumers == 0:
            words(f"queue {state.queue}: no worker consumes it")


async def _from_ledger(settings: Settings) -> tuple[list[RelayState], list[WorkerState]]:
    """What the workers have learned about the mail relays, and what they say of themselves."""
    store = pace_store(settings)
    try:
        notes = await store.notes()
        return relay_states(notes), worker_states(notes)
    except LedgerUnavailable as error:
        words(f"what the workers say of themselves cannot be read: {error}")
        return [], []
    finally:
        await store.close()


def _seen(state: QueueState, work: QueueWork, workers: Sequence[WorkerState]) -> dict[str, object]:
    return {"unacked": _in_hand(state, work), **seen_by_workers(work, workers)}


def _in_hand(state: QueueState, work: QueueWork) -> int | None:
    """What the broker says, else what the workers say."""
    return work.in_hand if state.unacked is None else state.unacked


def _row(state: QueueState, work: QueueWork) -> tuple[object, ...]:
    reasons = ", ".join(
        f"{count} {reason}" for reason, count in (state.dead_by_reason or {}).items()
    )
    return (
        state.queue,
        _known(state.ready) if state.exists else "absent",
        _known(_in_hand(state, work)),
        _known(state.consumers),
        ", ".join(_waiting(one) for one in state.waiting if one.messages) or 0,
        f"{_known(_dead(state))}{f' ({reasons})' if reasons else ''}",
    )


def _dead(state: QueueState) -> int | None:
    return None if f"{state.queue}.dead" in state.unseen else state.dead or 0


def _known(count: int | None) -> int | str:
    return _UNKNOWN if count is None else count


def _waiting(waiting: Waiting) -> str:
    if waiting.delay is None:
        return str(waiting.messages)
    return f"{waiting.messages} for {duration(waiting.delay)}"


def _object(
    settings: Settings, state: QueueState, relays: Sequence[RelayState]
) -> dict[str, object]:
    channel = settings.queue_channels[state.queue]
    shown: dict[str, object] = {
        "queue": state.queue,
        "channel": channel,
        "exists": state.exists,
        "ready": state.ready,
        "unacked": state.unacked,
        "consumers": state.consumers,
        "waiting": [
            {"delay": _delay(one.delay), "messages": one.messages} for one in state.waiting
        ],
        "dead": _dead(state),
        "dead_by_reason": state.dead_by_reason,
    }
    if relays and CHANNELS[channel].has_relays:
        shown["relays"] = {relay.relay: dict(relay.facts) for relay in relays}
    return shown


def _delay(delay: timedelta | None) -> str | None:
    return None if delay is None else duration(delay)
