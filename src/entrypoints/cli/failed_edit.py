"""`dispatcher failed edit`: mend a letter's body and send it."""

import asyncio
import sys

import click

from adapters.wire.inbound import Decision, InboundMessage, Release
from adapters.wire.letters import Letter, describe
from adapters.wire.reissue import editable, edited
from adapters.wire.strict_json import loads_object
from domain.errors import FailureReason, MalformedMessage
from entrypoints.cli.letters import Filter, fetch, unknown, walk
from entrypoints.cli.output import words
from entrypoints.settings import Settings
from entrypoints.start import load


@click.command("edit")
@click.argument("letter_id", metavar="ID")
@click.option(
    "--reason",
    type=click.Choice([str(r) for r in FailureReason]),
    help="Which, where one id has several letters.",
)
def edit(letter_id: str, reason: str | None) -> int:
    """Open a dead letter's body in $VISUAL or $EDITOR, check it, and send it.

    It goes out as a new message, with ~1 after its id: the old id stands for the old body. Only
    recipients still owed get it, and addresses that the old body did not have.
    """
    settings = load()
    found = fetch(settings, Filter(ids=frozenset([letter_id]), reason=reason))
    if not found:
        return unknown(letter_id)
    if len(found) > 1:
        raise click.UsageError(f"{len(found)} letters have the id {letter_id}: add --reason")
    [message] = found
    release = _edit(message, settings)
    if release is None:
        words("nothing was changed")
        return 1
    letter = describe(message, settings.queue_channels)
    if not asyncio.run(_send(settings, letter, release)):
        words(f"{letter_id} has gone meanwhile; nothing was sent")
        return 1
    new_id = loads_object(release.body or b"{}")["id"]
    click.echo(new_id)
    words(f"moved back to the queue as {new_id}; {letter_id} is removed")
    return 0


def _edit(message: InboundMessage, settings: Settings) -> Release | None:
    """None where nothing was saved. Raises MalformedMessage where nobody mends the faults."""
    text = editable(message.body)
    while True:
        saved = click.edit(text, extension=".json")
        if saved is None or saved == editable(message.body):
            return None
        text = saved
        try:
            return edited(
                message,
                text,
                channel=settings.queue_channels[message.queue],
                max_body=settings.max_body,
            )
        except MalformedMessage as error:
            for fault in error.faults:
                words(fault)
            if not sys.stdin.isatty():
                raise click.ClickException("the letter stays as it was") from None
            click.confirm("open it again?", default=True, abort=True, err=True)


async def _send(settings: Settings, wanted: Letter, release: Release) -> bool:
    done: list[Letter] = []

    async def act(_message: InboundMessage, _letter: Letter) -> Decision:
        return release

    await walk(settings, lambda letter: letter == wanted, act, done.append)
    return bool(done)
