"""`dispatcher failed export` and `import`: dead letters as JSON lines, with nothing left out."""

import asyncio
from typing import Any, BinaryIO

import click

from adapters.dead_letters.dead_letter import DeadLetter
from adapters.dead_letters.lines import BrokenLine, StoredDeadLetter, from_line, to_line
from adapters.inbound.contract import Decision, InboundMessage, Keep, Publisher
from entrypoints.cli.letters import a_filter, filters, look, open_queue, walk
from entrypoints.cli.output import words
from entrypoints.cli.progress import Bar
from entrypoints.container import Container


@click.command("export")
@filters
def export(**selection: Any) -> None:
    """Print dead letters as JSON lines: body, headers and properties, addresses in full.

    Changes nothing. Without a filter it prints all of them.
    """
    wanted = a_filter(**selection)
    count = 0

    async def act(message: InboundMessage, letter: DeadLetter) -> Decision:
        nonlocal count
        click.echo(to_line(message, letter.reason))
        count += 1
        return Keep.KEEP

    settings = open_queue()
    if wanted.ids:  # before the first line is printed
        wanted.missing(letter.id for letter in look(settings, wanted))
    asyncio.run(walk(settings, wanted, act))
    words(f"{count} exported")


@click.command("import")
@click.argument("file", type=click.File("rb"))
def import_(file: BinaryIO) -> int:
    """Store exported dead letters again; - reads standard input.

    Every line is checked before the first is stored. What you import twice is there twice.
    """
    settings = open_queue()
    letters: list[StoredDeadLetter] = []
    faults: list[str] = []
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            letter = from_line(line)
        except BrokenLine as error:
            faults.append(f"line {number}: {error}")
            continue
        if letter.queue not in settings.queue_channels:
            known = ", ".join(settings.queue_channels)
            faults.append(f"line {number}: no queue {letter.queue!r} here; there are {known}")
        letters.append(letter)
    if faults:
        for fault in faults:
            words(fault)
        words("nothing was stored")
        return 1
    asyncio.run(_store(Container(settings=settings).publisher(), letters))
    return 0


async def _store(publisher: Publisher, letters: list[StoredDeadLetter]) -> None:
    bar = Bar("import", len(letters))
    stored = 0
    try:
        # One by one, so that they keep their order and the number says where to go on.
        for letter in letters:
            await publisher.bury(
                letter.queue, letter.body, properties=letter.properties, headers=letter.headers
            )
            stored += 1
            bar.show(stored)
    finally:
        await publisher.close()
        bar.end()
        words(f"{stored} of {len(letters)} stored, in the file's order")
