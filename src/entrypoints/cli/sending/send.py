"""`dispatcher send`."""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path

import click

from adapters.channels import CHANNELS, DEFAULT
from adapters.inbound.contract import Publisher
from adapters.message_format.body import loads_object
from adapters.message_format.message import decode
from adapters.message_format.rules import Properties
from domain.errors import MalformedMessage
from domain.notification import JsonValue, Notification
from entrypoints.cli.app import channel_names, template_names
from entrypoints.cli.application import Application, Bar, opened, words
from entrypoints.settings import Settings
from entrypoints.settings.values import not_forbidden
from entrypoints.start import read_option
from entrypoints.stores import message_rules

# Publishes awaiting their confirm at once.
_AT_ONCE = 200


@click.command("send")
@click.argument("template", shell_complete=template_names)
@click.option("--to", multiple=True, help="Recipient; may be given several times.")
@click.option("--channel", default=DEFAULT.name, show_default=True, shell_complete=channel_names)
@click.option("--data", help="Parameters as JSON, or @file; - reads standard input.")
@click.option("--subject")
@click.option(
    "--from", "sender", help="Sender. Default: the template's, then DISPATCHER_EMAIL_FROM."
)
@click.option("--locale")
@click.option(
    "--fake",
    type=click.IntRange(1),
    help="Send N messages with made-up parameters and recipients that the channel takes.",
)
@click.option("--id", "message_id", help="Idempotency key; with --fake N a number is appended.")
@click.option("--delay", help="Wait this long before sending: seconds, or 90s, 5m, 2h.")
def command(
    template: str,
    to: tuple[str, ...],
    channel: str,
    data: str | None,
    subject: str | None,
    sender: str | None,
    locale: str | None,
    fake: int | None,
    message_id: str | None,
    delay: str | None,
) -> None:
    """Publish a notification made from TEMPLATE, and print its id once the broker has it.

    --data holds the parameters, or a whole message if it has a "parameters" field.
    """
    with opened(names_queue=True) as app:
        queue = _queue_of(channel, app.settings.queues)
        options: dict[str, JsonValue] = {
            "to": list(to),
            "subject": subject,
            "from": sender,
            "locale": locale,
            "delay": float(delay) if delay and delay.replace(".", "", 1).isdigit() else delay,
        }
        given = {name: value for name, value in options.items() if value} | {"template": template}
        messages: Iterator[Mapping[str, JsonValue]] = (
            _fake(app, template, fake, channel) if fake else iter([message_from(data)])
        )
        many = fake or 1
        is_numbered = bool(message_id) and many > 1
        ids = (f"{message_id}-{n}" if is_numbered else message_id for n in count(1))
        prepared = _prepared(messages, given, ids, channel, app.settings)
        app.run(_publish_all(app.container.publisher(), queue, prepared, many))


def _fake(
    app: Application, template: str, count: int, channel: str
) -> Iterator[dict[str, JsonValue]]:
    from entrypoints.cli.sending.fake import fake_messages

    snapshot = app.container.renderer().snapshot
    if template not in snapshot.templates:
        raise click.ClickException(f"--fake needs the template {template!r}, which does not exist")
    return fake_messages(snapshot, template, count, app.settings.channel_settings, channel=channel)


def _queue_of(channel: str, queues: Iterable[tuple[str, str]]) -> str:
    read_option("--channel", not_forbidden, channel)
    if (queue := dict(queues).get(channel)) is None:
        names = ", ".join(name for name, _ in queues)
        raise click.BadParameter(f"no queue for channel {channel!r}; there are {names}")
    return queue


def message_from(data: str | None) -> Mapping[str, JsonValue]:
    """The message that `--data` gives: whole, or its parameters alone. Raises BadParameter."""
    if data is None:
        return {}
    try:
        text = sys.stdin.read() if data == "-" else data
        if data.startswith("@"):
            text = Path(data[1:]).read_text("utf-8")
        value = loads_object(text.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise click.BadParameter(f"--data: cannot read {data[1:]}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.BadParameter(f"--data: {data[1:]} is not UTF-8 text") from None
    except MalformedMessage as error:
        raise click.BadParameter(f"--data: {str(error).removeprefix('body: ')}") from None
    is_whole = "parameters" in value and (
        isinstance(value["parameters"], dict) or value["parameters"] == []
    )
    return value if is_whole else {"parameters": value}


def _prepared(
    messages: Iterator[Mapping[str, JsonValue]],
    given: Mapping[str, JsonValue],
    ids: Iterator[str | None],
    channel: str,
    settings: Settings,
) -> Iterator[tuple[str, bytes]]:
    """Ids and bodies, checked as the worker will check them: a typo is better found here."""
    rules = message_rules(settings)
    for message, own in zip(messages, ids, strict=False):
        identity = own or str(message.get("id") or uuid.uuid4())
        body = json.dumps({**message, **given, "id": identity}, ensure_ascii=False).encode()
        try:
            decoded = decode(body, channel=channel, rules=rules)
        except MalformedMessage as error:
            raise click.UsageError(f"this message would be refused: {error}") from None
        for notification in decoded.notifications:
            if fault := address_fault(notification, settings):
                raise click.UsageError(f"this message would be refused: to: {fault}")
        yield identity, body


def address_fault(notification: Notification, settings: Settings) -> str | None:
    """Why the first address that its channel would refuse is refused."""
    channel = CHANNELS.get(notification.channel)
    if channel is None:
        return None
    own = settings.channel_settings[channel.name]
    faults = (channel.address_fault(one.address, own) for one in notification.recipients)
    return next(filter(None, faults), None)


async def _publish_all(
    publisher: Publisher, queue: str, messages: Iterator[tuple[str, bytes]], many: int
) -> None:
    confirmed: list[str] = []
    bar = Bar("publishing", many)
    try:
        while batch := list(islice(messages, _AT_ONCE)):
            publishes = [
                publisher.publish(
                    queue,
                    body,
                    properties=Properties(
                        content_type="application/json", message_id=id_, timestamp=int(time.time())
                    ),
                    headers={},
                )
                for id_, body in batch
            ]
            await asyncio.gather(*publishes)
            confirmed += [identity for identity, _ in batch]
            bar.show(len(confirmed))
    finally:
        bar.end()
        for identity in confirmed:
            click.echo(identity)
        words(f"{len(confirmed)} of {many} stored in queue {queue}")
