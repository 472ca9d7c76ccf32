"""`dispatcher status`."""

import asyncio
from datetime import timedelta

import click

from adapters.wire.survey import QueueState, Waiting
from entrypoints.cli.letters import open_queue
from entrypoints.cli.output import duration, print_json, print_table, words
from entrypoints.cli.surveying import survey
from entrypoints.settings import Settings

_UNKNOWN = "?"


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """How many messages are ready, in hand, waiting and dead, queue by queue.

    Takes and makes nothing. RabbitMQ tells neither of messages in a worker's hands nor of the
    reasons of the dead (`dispatcher failed list` reads the letters); the embedded queue does not
    tell of consumers.
    """
    settings = open_queue()
    states = asyncio.run(survey(settings))
    if as_json:
        print_json([_object(settings, state) for state in states])
        return
    print_table(
        ["queue", "ready", "in hand", "consumers", "waiting", "dead"],
        [_row(state) for state in states],
    )
    for state in states:
        if state.problem:
            words(state.problem)
        if state.unseen:
            words(f"this user may not look at {', '.join(state.unseen)}: no right on them")
        if not state.exists and not settings.is_embedded:
            words(f"queue {state.queue} does not exist yet")
        elif state.ready and state.consumers == 0:
            words(f"queue {state.queue}: nobody consumes it")


def _row(state: QueueState) -> tuple[object, ...]:
    reasons = ", ".join(
        f"{count} {reason}" for reason, count in (state.dead_by_reason or {}).items()
    )
    return (
        state.queue,
        _known(state.ready) if state.exists else "absent",
        _known(state.unacked),
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


def _object(settings: Settings, state: QueueState) -> dict[str, object]:
    return {
        "queue": state.queue,
        "channel": settings.queue_channels[state.queue],
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


def _delay(delay: timedelta | None) -> str | None:
    return None if delay is None else duration(delay)
