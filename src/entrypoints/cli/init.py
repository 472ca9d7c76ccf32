"""`dispatcher init`."""

from pathlib import Path

import click

from entrypoints.cli.output import words
from entrypoints.samples import write_settings, write_templates
from entrypoints.settings.sources import TOML_FILE


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write sample templates and a dispatcher.toml to start from, by default into this folder.

    Changes nothing that exists. Prints the files that it wrote.
    """
    written = list(write_templates(folder / "templates"))
    if write_settings(folder / TOML_FILE):
        written.append(folder / TOML_FILE)
    for file in written:
        click.echo(file)
    if written:
        words(f"{len(written)} files written; next: dispatcher demo")
    else:
        words(f"{folder} has templates and a {TOML_FILE} already; nothing was written")
