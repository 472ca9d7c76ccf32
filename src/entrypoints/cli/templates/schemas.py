"""`dispatcher templates schema`."""

from pathlib import Path

import click

from adapters.templates import Snapshot
from adapters.templates.examples import ExampleBroken
from adapters.templates.parameters_schema import parameters_schema
from entrypoints.cli.app import template_names
from entrypoints.cli.application import opened, print_json, words
from entrypoints.cli.templates.schema_folder import (
    bring_up_to_date,
    differences_of,
    schema_files,
)
from entrypoints.producers.templates import schemas_of


@click.command("schema")
@click.argument("template", required=False, metavar="TEMPLATE", shell_complete=template_names)
@click.option("--json", "_as_json", is_flag=True, help="Print JSON; this is the default.")
@click.option(
    "--all",
    "folder",
    metavar="[DIR]",
    is_flag=False,
    flag_value="schemas",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the schema of every template into DIR, in place of printing one; without DIR, into"
    " schemas. Removes those of templates that are no longer there, and no other file.",
)
@click.option(
    "--check", is_flag=True, help="With --all: change nothing; exit 1 if DIR is out of date."
)
def schema(template: str | None, _as_json: bool, folder: Path | None, check: bool) -> int:
    """Print the JSON Schema of a template's parameters, with the types of its examples.

    With --all DIR write those of all templates, each to DIR/TEMPLATE.schema.json.
    """
    if (template is None) == (folder is None):
        raise click.UsageError("give the name of a template, or --all DIR")
    if check and folder is None:
        raise click.UsageError("--check goes with --all DIR")
    with opened() as app:
        snapshot = app.container.templates().snapshot
    is_strict = app.settings.templates_undefined == "strict"
    if folder is not None:
        return _schemas(snapshot, folder, is_strict=is_strict, check=check)
    name = str(template)
    if faults := snapshot.broken.get(name):
        raise click.ClickException("\n".join(faults))
    if name not in snapshot.templates:
        raise click.ClickException(f"there is no template {name!r}")
    try:
        print_json(parameters_schema(snapshot, name, is_strict=is_strict))
    except ExampleBroken as error:
        raise click.ClickException(str(error)) from None
    return 0


def _schemas(snapshot: Snapshot, folder: Path, *, is_strict: bool, check: bool) -> int:
    """Bring the folder up to date, or only look whether it is."""
    files = schema_files(schemas_of(snapshot, is_strict=is_strict))
    differences = differences_of(folder, files)
    if not check:
        bring_up_to_date(folder, files, differences)
    for difference in differences:
        click.echo(f"{folder / difference.path}: {difference.state if check else difference.done}")
    if check and differences:
        words(f"{folder} is out of date; run: dispatcher templates schema --all {folder}")
        return 1
    words(f"{folder} is up to date, {len(files)} {'schema' if len(files) == 1 else 'schemas'}")
    return 0
