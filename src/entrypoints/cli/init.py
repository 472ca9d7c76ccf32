"""`dispatcher init`."""

from pathlib import Path

import click

from entrypoints.cli.output import words
from entrypoints.samples import write_starters, write_templates


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write sample templates, a dispatcher.toml and a compose.yaml to start from, by default into
    this folder.

    The compose.yaml starts a RabbitMQ and a mailbox on this machine. Changes nothing that exists.
    Prints the files that it wrote.
    """
    written = list(write_templates(folder / "templates"))
    written += write_starters(folder)
    for file in written:
        click.echo(file)
    if written:
        words(f"{len(written)} files written; next: dispatcher demo")
    else:
        words(f"{folder} has all of these files already; nothing was written")
