"""`dispatcher failed edit`: change a letter's body and send it."""

import asyncio
import hashlib
import sys
from typing import Any

import click

from adapters.dead_letters.dead_letter import DeadLetter, describe
from adapters.dead_letters.reissue import editable, edited
from adapters.inbound.contract import Decision, InboundMessage, Keep, Release
from adapters.message_format.body import loads_object
from domain.errors import MalformedMessage
from entrypoints.channels import message_rules
from entrypoints.cli.letters import Filter, a_filter, fetch, filters, open_queue, unknown, walk
from entrypoints.cli.output import printable, words
from entrypoints.settings import Settings


@click.command("edit")
@click.argument("letter_id", metavar="ID")
@filters
def edit(letter_id: str, **selection: Any) -> int:
    """Open a dead letter's body in $VISUAL or $EDITOR, check it, and send it.

    The result is a new message, with ~1 after its id, since the old id belongs to the old body.
    Only recipients that do not have the message get it, and addresses that the old body did not
    have.
    """
    wanted = a_filter(**{**selection, "ids": (letter_id,)})
    settings = open_queue()
    of_the_id: dict[DeadLetter, InboundMessage] = {}
    for message in fetch(settings, Filter(ids=wanted.ids)):
        of_the_id.setdefault(describe(message, settings.queue_channels), message)
    letters = [letter for letter in of_the_id if wanted(letter)]
    if wanted.missing(letter.id for letter in letters):
        return unknown(letter_id)
    if len(letters) > 1:
        how = "add --channel, --reason, --since or --until"
        raise click.UsageError(f"{len(letters)} letters have the id {letter_id}: {how}")
    [letter] = letters
    release = _edit(of_the_id[letter], settings, _mark(letter) if len(of_the_id) > 1 else "")
    if release is None:
        words("nothing was changed")
        return 1
    if not asyncio.run(_send(settings, letter, release)):
        words(f"{letter_id} has gone meanwhile; nothing was sent")
        return 1
    new_id = loads_object(release.body or b"{}")["id"]
    click.echo(printable(new_id))
    words(f"moved back to the queue as {new_id}; {letter_id} is removed")
    return 0


def _mark(letter: DeadLetter) -> str:
    """Return a mark that no other dead letter of the same id gets; the same each
    time, so that the ledger knows an edit that is tried once more."""
    return "-" + hashlib.sha256(repr(letter).encode()).hexdigest()[:6]


def _edit(message: InboundMessage, settings: Settings, mark: str) -> Release | None:
    """None where nothing was saved. Raises MalformedMessage where the faults are left."""
    before = editable(message.body, message.properties, max_body=settings.max_body)
    text = before
    while True:
        saved = click.edit(text, extension=".json")
        if saved is None or saved == before:
            return None
        text = saved
        try:
            return edited(
                message,
                text,
                channel=settings.queue_channels[message.queue],
                rules=message_rules(settings),
                mark=mark,
            )
        except MalformedMessage as error:
            for fault in error.faults:
                words(fault)
            if not sys.stdin.isatty():
                raise click.ClickException("the dead letter is unchanged") from None
            click.confirm("open it again?", default=True, abort=True, err=True)


async def _send(settings: Settings, wanted: DeadLetter, release: Release) -> bool:
    done: list[DeadLetter] = []
    is_left = True

    async def act(_message: InboundMessage, _letter: DeadLetter) -> Decision:
        nonlocal is_left
        decision = release if is_left else Keep.KEEP  # there may be a second copy of it
        is_left = False
        return decision

    await walk(settings, lambda letter: letter == wanted, act, done.append)
    return bool(done)
