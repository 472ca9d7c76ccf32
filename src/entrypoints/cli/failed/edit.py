"""`dispatcher failed edit`: change a dead letter's body and send it."""

import hashlib
import sys
from dataclasses import replace

import click

from adapters.dead_letters.dead_letter import DeadLetter, editable, edited
from adapters.inbound.contract import Decision, InboundMessage, Keep, Release
from adapters.message_format.body import loads_object
from domain.errors import MalformedMessage
from entrypoints.cli.application import opened, printable, words
from entrypoints.cli.failed.selection import Filter, collect, filters, unknown, walk
from entrypoints.settings import Settings
from entrypoints.stores import message_rules


@click.command("edit")
@click.argument("letter_id", metavar="ID")
@filters
def edit(letter_id: str, wanted: Filter) -> int:
    """Open a dead letter's body in $VISUAL or $EDITOR, check it, and send it.

    The result is a new message, with ~1 after its id, since the old id belongs to the old body.
    Only recipients that do not have the message get it, and addresses that the old body did not
    have.
    """
    wanted = replace(wanted, ids=frozenset([letter_id]))
    with opened(names_queue=True) as app:
        of_the_id = dict(
            collect(app, Filter(ids=wanted.ids), lambda message, letter: (letter, message))
        )
        letters = [letter for letter in of_the_id if wanted(letter)]
        if wanted.missing(letter.id for letter in letters):
            return unknown(letter_id)
        if len(letters) > 1:
            how = "add --channel, --reason, --since or --until"
            raise click.UsageError(f"{len(letters)} dead letters have the id {letter_id}: {how}")
        [letter] = letters
        # No other dead letter of the id gets this mark, and an edit that is tried once more does.
        mark = f"-{hashlib.sha256(repr(letter).encode()).hexdigest()[:6]}"
        release = _edit(of_the_id[letter], app.settings, mark if len(of_the_id) > 1 else "")
        if release is None:
            words("nothing was changed")
            return 1
        sent: list[DeadLetter] = []
        left: list[Decision] = [release]  # there may be a second copy of it

        async def act(_message: InboundMessage, _letter: DeadLetter) -> Decision:
            return left.pop() if left else Keep.KEEP

        app.run(walk(app, lambda one: one == letter, act, sent.append))
        if not sent:
            words(f"{letter_id} has gone meanwhile; nothing was sent")
            return 1
    new_id = loads_object(release.body or b"{}")["id"]
    click.echo(printable(new_id))
    words(f"moved back to the queue as {new_id}; {letter_id} is removed")
    return 0


def _edit(message: InboundMessage, settings: Settings, mark: str) -> Release | None:
    """None where nothing was saved. Raises MalformedMessage where the faults are left."""
    text = before = editable(message.body, message.properties, max_body=settings.max_body)
    while (saved := click.edit(text, extension=".json")) is not None and saved != before:
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
    return None
