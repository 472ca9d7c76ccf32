"""`dispatcher status`."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import click

from adapters.wire.survey import QueueState, Waiting
from domain.ledger import LedgerUnavailable
from entrypoints.cli.letters import open_queue
from entrypoints.cli.output import duration, print_json, print_table, words
from entrypoints.cli.surveying import survey
from entrypoints.ledgers import pace_store
from entrypoints.relay_watch import RelayState, in_words, relay_states
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
    relays = asyncio.run(_relays(settings))
    if as_json:
        print_json([_object(settings, state, relays) for state in states])
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

    for relay in relays:
        words(in_words(relay))


async def _relays(settings: Settings) -> list[RelayState]:
    """What the workers have learned about the mail relays."""
    store = pace_store(settings)
    try:
        return await relay_states(store)
    except LedgerUnavailable as error:
        words(f"what is learned about the relays cannot be read: {error}")
        return []
    finally:
        await store.close()


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
    if relays and channel == "email":
        shown["relays"] = {relay.relay: dict(relay.facts) for relay in relays}
    return shown


def _delay(delay: timedelta | None) -> str | None:
    return None if delay is None else duration(delay)
