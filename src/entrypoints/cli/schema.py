"""`dispatcher schema`."""

import click

from adapters.message_format.json_schema import message_schema
from entrypoints.cli.output import print_json


@click.command("schema")
@click.option("--json", "_as_json", is_flag=True, help="Print JSON; this is the default.")
def command(_as_json: bool) -> None:
    """Print the JSON Schema (draft 2020-12) of the message. Producers can check against it.

    It refuses nothing that a worker accepts. Needs no settings and no broker.
    """
    print_json(message_schema())
