"""`dispatcher topology`."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

import click

from entrypoints.cli.application import Application, opened, print_json, print_table, words

T = TypeVar("T")


@click.group("topology")
def command() -> None:
    """Show, check and create the broker's queues and exchanges."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Print the queues and exchanges that must exist. Asks no broker."""
    rows = _asked(lambda app: app.container.topology().describe()) or ()
    if as_json:
        print_json([asdict(row) for row in rows])
    elif rows:
        print_table(
            ["kind", "name", "arguments"],
            [
                (row.kind, row.name, "\n".join(f"{k}={v}" for k, v in row.arguments.items()))
                for row in rows
            ],
        )


@command.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(as_json: bool) -> int:
    """Compare with the broker; exit 1 if anything is missing or differs.

    To compare arguments it needs the configure right. Without it, it prints what it could not see.
    """
    from adapters.rabbitmq.topology import TopologyFinding

    found = _asked(lambda app: app.run(app.container.topology().check()))
    if as_json:
        print_json([asdict(difference) for difference in found or ()])
    elif found:
        click.echo("\n".join(difference.text for difference in found))
    elif found is not None:
        words("everything is as it should be")
    return int(any(difference.finding is not TopologyFinding.UNSEEN for difference in found or ()))


@command.command("apply")
def apply() -> int:
    """Create what is missing, as far as DISPATCHER_TOPOLOGY allows. Deletes nothing.

    Exits with 1 where this user may not look at something: it is named.
    """
    unseen = _asked(lambda app: app.run(app.container.topology().apply()))
    if unseen:
        words(f"this user may not look at {', '.join(unseen)}: it is left as it is")
    elif unseen is not None:
        words("done")
    return int(bool(unseen))


def _asked(ask: Callable[[Application], T]) -> T | None:
    """What `ask` returns; None with the embedded queue, which has no topology."""
    with opened() as app:
        if not app.settings.is_embedded:
            return ask(app)
        words("the embedded queue makes its own tables; there is nothing to do")
        return None
