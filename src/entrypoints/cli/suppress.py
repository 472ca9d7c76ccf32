"""`dispatcher suppress`: addresses that are not written to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

import click

from adapters.channels import CHANNELS, DEFAULT
from adapters.suppressions.lines import LONGEST_REASON
from adapters.texts import short_text
from adapters.urls import without_path
from domain.notification import Recipient
from domain.suppressions import Suppression, SuppressionStore
from entrypoints.cli.app import channel_names
from entrypoints.cli.application import (
    Application,
    confirm,
    opened,
    print_json,
    print_table,
    printable,
    words,
)
from entrypoints.cli.failed.selection import parse_time
from entrypoints.settings import SettingsInvalid, variable
from entrypoints.settings.values import not_forbidden
from entrypoints.start import read_option
from entrypoints.suppressing import canonical_address, is_canonical, make_file

_CHANNEL = click.option(
    "--channel",
    default=DEFAULT.name,
    show_default=True,
    help="The channel that the addresses are of.",
    shell_complete=channel_names,
)

# A group of Telegram has a negative number.
_NEGATIVE = {"ignore_unknown_options": True}


@click.group("suppress")
def command() -> None:
    """Add, remove and list addresses that are not written to.

    They are kept where DISPATCHER_SUPPRESSIONS says: in a file, or on a Redis server. Messages to
    them are dead-lettered as `suppressed`, without an attempt.
    """


@command.command("add", context_settings=_NEGATIVE)
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@_CHANNEL
@click.option("--reason", default="", help="Why, in your words; it is in the dead letters.")
def add(addresses: tuple[str, ...], channel: str, reason: str) -> None:
    """Add addresses. One that is there already keeps its reason and date.

    An address may also be written with its channel, as in the file: telegram:-1001234567890.
    """
    today, why = datetime.now(UTC).date(), short_text(reason, LONGEST_REASON)
    entries = [
        Suppression(channel=own, address=address, reason=why, since=today)
        for own, address in _canonical(channel, addresses)
    ]
    with opened() as app:
        make_file(app.settings)
        are_new = app.run(_store(app).add(entries))
        for one, is_new in zip(entries, are_new, strict=True):
            state = "is suppressed" if is_new else "was suppressed before"
            words(f"{printable(one.address)} {state}")


@command.command("remove", context_settings=_NEGATIVE)
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@_CHANNEL
@click.option("--all", "all_", is_flag=True, help="All addresses of the channel.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(addresses: tuple[str, ...], channel: str, all_: bool, yes: bool) -> int:
    """Remove addresses: they get messages again. `--all` asks first.

    Exits with 1 where one is not on the list. What is dead is not sent by this: dispatcher failed
    retry --reason suppressed.
    """
    if bool(addresses) == all_:
        raise click.UsageError("name the addresses, or give --all")
    wanted = _canonical(channel, addresses)
    with opened() as app:
        store = _store(app)
        if all_:
            entries = app.run(store.entries())
            wanted = [(channel, one.address) for one in entries if one.channel == channel]
            confirm(f"Remove all {len(wanted)} addresses of {channel}?", yes=yes)
        are_done: list[bool] = []
        for own, some in groupby(sorted(wanted, key=itemgetter(0)), itemgetter(0)):
            named = [address for _, address in some]
            done = app.run(store.remove(own, named))
            for address, is_done in zip(named, done, strict=True):
                words(f"{printable(address)} {'is removed' if is_done else 'is not on the list'}")
            are_done.extend(done)
    return int(not all(are_done))


@command.command("list", context_settings=_NEGATIVE)
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--channel", help="Only this channel.", shell_complete=channel_names)
@click.option("--reason", help="Only with this text in the reason.")
@click.option("--since", help="Only since then: an age such as 2d, or a date.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(
    addresses: tuple[str, ...],
    channel: str | None,
    reason: str | None,
    since: str | None,
    as_json: bool,
) -> int:
    """List the addresses, or only those named. Exits with 1 where a named one is not listed."""
    earliest = None if since is None else parse_time("--since", since).date()
    named = _canonical(channel or DEFAULT.name, addresses)
    with opened() as app:
        entries = app.run(_store(app).entries())
    found = [
        entry
        for entry in sorted(entries, key=lambda one: (one.channel, one.address))
        if channel in {None, entry.channel}
        and (not named or (entry.channel, entry.address) in named)
        and (reason is None or reason.lower() in entry.reason.lower())
        and (earliest is None or (entry.since is not None and entry.since >= earliest))
    ]
    if as_json:
        print_json([_as_json(entry) for entry in found])
    elif found:
        rows = [(one.channel, _shown(one), one.since or "", one.reason) for one in found]
        print_table(["channel", "address", "date", "reason"], rows)
        if any(not is_canonical(one) for one in found):
            words("an address marked with ! never matches as it is written; add it again")
    else:
        words("no address is suppressed" if not entries else "no address fits")
    return int(not {(entry.channel, entry.address) for entry in found}.issuperset(named))


def _as_json(entry: Suppression) -> dict[str, str | None]:
    since = entry.since.isoformat() if entry.since else None
    about = {"channel": entry.channel, "address": entry.address}
    return {**about, "reason": entry.reason, "date": since}


def _shown(entry: Suppression) -> str:
    """The address in a table; of one that may hold a secret only the beginning."""
    channel = CHANNELS.get(entry.channel)
    is_secret = channel is not None and channel.has_secret_addresses
    text = without_path(entry.address) if is_secret else entry.address
    return text if is_canonical(entry) else f"! {text}"


def _canonical(channel: str, addresses: Sequence[str]) -> list[tuple[str, str]]:
    """The addresses as they are compared, each with its channel: that of `channel:address`, as in
    the file, else the given one. Raises BadParameter, or SettingsInvalid for a channel of another
    program."""
    read_option("--channel", not_forbidden, channel)
    found = []
    for text in addresses:
        own, _, address = text.partition(":")
        own, address = (own, address) if own in CHANNELS else (channel, text)
        try:
            found.append((own, canonical_address(own, Recipient.parse(address).address)))
        except ValueError as error:
            raise click.BadParameter(f"{printable(text)}: {error}") from None
    return found


def _store(app: Application) -> SuppressionStore:
    """The list. Raises SettingsInvalid, also where it is not set."""
    asked = app.container.suppressions()
    if asked is None:
        fault = "must be set to the path of a file, or to a redis:// URL for a fleet"
        raise SettingsInvalid([f"{variable('suppressions')}: {fault}"])
    return asked.store
