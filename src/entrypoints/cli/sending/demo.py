"""`dispatcher demo`: ten fake notifications through the real path, in one process."""

import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, count, cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from adapters.channels import CHANNELS, DEFAULT
from adapters.message_format.rules import Properties
from adapters.templates import Snapshot
from adapters.templates.inspection import list_templates
from domain.events import Event, MessageMalformed, NotificationDispatched
from domain.notification import JsonValue
from domain.value_object import value_object
from entrypoints.cli.application import Application, opened, print_entries, words
from entrypoints.cli.sending.fake import fake_messages
from entrypoints.cli.sending.init import write_templates
from entrypoints.mailbox.captured import everything, places
from entrypoints.settings import FIELDS, Settings, load_settings, variable
from entrypoints.start import load

_GOOD = 8
_MISSING = "demo-invoice"
_CHANNELS = tuple(channel for channel in CHANNELS.values() if channel.has_queue)
_NAMES = tuple(channel.name for channel in _CHANNELS)
_IDS = (f"demo-{uuid.uuid4().hex[:8]}" for _ in count())
_OTHERS = tuple(channel for channel in _CHANNELS if channel is not DEFAULT)


@value_object()
class _Sample:
    """One message of the demo, under the id that its outcome is found by."""

    id: str
    to: str
    template: str
    body: bytes


@click.command("demo")
def command() -> int:
    """Send ten fake notifications through an embedded queue into local folders.

    Nothing leaves this machine. Two of the ten fail on purpose: they show what a dead letter is,
    and how to fix it and send it again.
    """
    settings = _settings(load())
    folder = settings.templates_dir
    if folder == Settings().templates_dir and not folder.exists():
        written = write_templates(folder)
        words(f"no templates here: wrote {len(written)} sample files to {folder}/")
    seen: list[Event] = []
    with opened(settings) as app:
        app.container.events.override(SimpleNamespace(emit=seen.append))
        snapshot = app.container.renderer().snapshot
        # A name that nothing has, even after the advice of an earlier demo was followed.
        names = chain([_MISSING], (f"{_MISSING}-{number}" for number in count(2)))
        missing = next(name for name in names if name not in snapshot.templates)
        samples = _samples(snapshot, missing, settings.channel_settings)
        app.run(_run(app, samples))
    files = {
        (one.header("X-Dispatcher-Id") or one.header("Id"), one.channel): one.path
        for one in everything(places(settings))
    }
    fates = [_fate(sample, seen, files) for sample in samples]
    click.echo()
    rows = [(number, sample.template, sample.to) for number, sample in enumerate(samples, start=1)]
    print_entries(["", "template", "to"], rows, [fate or ["still queued"] for fate in fates])
    _explain(settings, samples, missing)
    sent = sum(all(line.startswith("sent: ") for line in fate) for fate in filter(None, fates))
    return 0 if sent >= _GOOD and all(fates) else 1


def _settings(settings: Settings) -> Settings:
    """The demo's own: nothing it does may touch a real queue or reach a real person."""
    return replace(
        settings,
        broker_url=None,
        ledger_url=None,
        suppressions=None,
        queues=Settings().queues,
        channels=_NAMES,
        only_to=(),
        redirect_to={},
        channel_settings={
            name: channel.without_outlets(settings.channel_settings[name])
            for name, channel in CHANNELS.items()
        },
        home=settings.home / "demo",
    )


def _samples(snapshot: Snapshot, missing: str, own: Mapping[str, Any]) -> list[_Sample]:
    infos = [
        info for info in list_templates(snapshot) if DEFAULT.name in info.channels and info.examples
    ]
    if not infos:
        raise click.ClickException("no template has an example to make a message from")
    streams = {info.name: fake_messages(snapshot, info.name, 10, own) for info in infos}
    turns = cycle(infos)
    for_all = next((info for info in infos if set(_NAMES) <= {*info.channels}), None)
    good = [
        _sample(info.name, next(streams[info.name]), is_for_all=info is for_all)
        for info, _ in zip(turns, range(_GOOD), strict=False)
    ]
    unknown = _sample(missing, next(streams[next(turns).name]))
    broken = json.dumps({"template": infos[0].name, "parameters": ["a list, not an object"]})
    return [*good, unknown, _Sample(next(_IDS), "(missing)", infos[0].name, broken.encode())]


def _sample(
    template: str, message: Mapping[str, JsonValue], *, is_for_all: bool = False
) -> _Sample:
    identity = next(_IDS)
    fields = {
        "from": "Dispatcher demo <demo@example.com>",
        **message,
        "template": template,
        "id": identity,
    }
    to = str(message["to"])
    if is_for_all:
        fields["channels"] = list(_NAMES)
        examples = {channel.name: channel.example for channel in _OTHERS}
        fields["to"] = {DEFAULT.name: to, **examples}
        to = ", ".join(map(str, (to, *examples.values())))
    return _Sample(identity, to, template, json.dumps(fields, ensure_ascii=False).encode())


async def _run(app: Application, samples: list[_Sample]) -> None:
    publisher = app.container.publisher()
    for sample in samples:
        properties = Properties(content_type="application/json", message_id=sample.id)
        await publisher.publish(DEFAULT.name, sample.body, properties=properties, headers={})
    await app.container.consumer().run(app.container.handler().handle, drain=True)


def _fate(
    sample: _Sample, events: Sequence[Event], files: Mapping[tuple[str, str], Path]
) -> list[str]:
    lines = []
    for event in events:
        match event:
            case MessageMalformed(id=sample.id):
                lines.append(f"dead-lettered: malformed: {event.error}")
            case NotificationDispatched(_, notification, outcome) if notification.id == sample.id:
                if outcome.sent:
                    file = files.get((sample.id, notification.channel), "see the folders below")
                    lines.append(f"sent: {file}")
                lines += [f"dead-lettered: {r.reason}: {r.error}" for r in outcome.rejected]
                lines += [f"will be tried again: {r.error}" for r in outcome.deferred]
    return lines


def _explain(settings: Settings, samples: list[_Sample], missing: str) -> None:
    unknown, broken = samples[-2], samples[-1]
    run = _command_line(settings)
    template = f"{settings.templates_dir / missing}.jinja2"
    folders = ", ".join(
        f"{one.title}'s {'' if number else 'messages are '}in {one.captured_in(settings.home)}"
        for number, one in enumerate(_OTHERS)
    )
    mails = DEFAULT.captured_in(settings.home)
    click.echo(
        f"""
The mails are in the Maildir {mails}: open a file with any mail program.
{folders}.
To see them all on one page:

  {run} mailbox

Two messages failed on purpose. They are kept with their reason:

  {run} failed list

Number 9 asks for a template that does not exist. Make it, move the dead letter back, and send it:

  echo '<p>Hello {{{{ recipient }}}}, here is your invoice.</p>' > {template}
  {run} failed retry {unknown.id} --yes
  {run} worker --drain

Number 10 cannot be read; its producer must fix it. See why, then remove it:

  {run} failed show {broken.id}
  {run} failed remove {broken.id} --yes
"""
    )


def _command_line(settings: Settings) -> str:
    """How to call this program on the demo's queue and mailbox, whatever else is configured."""
    program = Path(sys.argv[0])
    if program.is_absolute() and program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    captured = [(name, one.spec.captured) for name, one in FIELDS.items()]
    folders = {name: place(settings.home) for name, place in captured if place is not None}
    origins = {"home", *load_settings().origins}
    found = {"home": settings.home, "broker_url": settings.broker, **folders}
    aside = [f"{variable(name)}={value}" for name, value in found.items() if name in origins]
    return " ".join([*aside, str(program)])
