"""`dispatcher demo`: ten fake notifications through the real path, in one process."""

import asyncio
import json
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from itertools import chain, cycle
from pathlib import Path

import click

from adapters.templates.inspection import list_templates
from adapters.templates.snapshot import Snapshot
from adapters.wire.inbound import Properties
from domain.errors import MalformedMessage
from domain.notification import JsonValue, Notification
from domain.outcome import Outcome
from entrypoints.cli.output import print_table
from entrypoints.container import Container, close_outbound
from entrypoints.fake import fake_messages
from entrypoints.settings import Settings, load_settings
from entrypoints.settings.sources import variable
from entrypoints.start import load

_GOOD = 8
_MISSING = "demo-invoice"
_SENDER = "Dispatcher demo <demo@example.com>"


@dataclass(slots=True)
class _Ledger:
    """Remembers what became of each message, as the demo's observer."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    malformed_errors: dict[str, str] = field(default_factory=dict)

    def delivered(self, queue: str, notification: Notification, outcome: Outcome) -> None:
        self.outcomes[notification.id] = outcome

    def malformed(self, queue: str, key: str, error: MalformedMessage) -> None:
        self.malformed_errors[key] = str(error)


@dataclass(frozen=True, slots=True)
class _Sample:
    """One message of the demo, under the id that its outcome is found by."""

    id: str
    to: str
    template: str
    body: bytes


@click.command("demo")
def command() -> int:
    """Send ten fake notifications through an embedded queue into a local mailbox.

    Nothing leaves this machine. Two of the ten are meant to fail, to show what a dead letter is
    and how it is mended and sent again.
    """
    settings = _settings(load())
    seen = _Ledger()
    container = Container(settings=settings)
    container.observer.override(seen)
    mailbox = settings.home / "mail"
    before = _mails(mailbox)
    samples = _samples(container.renderer().snapshot)
    asyncio.run(_run(container, samples))
    mails = {name: path for name, path in _mails(mailbox).items() if name not in before}
    click.echo()
    print_table(
        ["", "template", "to", "what happened"],
        [
            (number, sample.template, sample.to, _fate(sample, seen, mails))
            for number, sample in enumerate(samples, start=1)
        ],
    )
    _explain(settings, samples, mailbox)
    sent = sum(1 for outcome in seen.outcomes.values() if outcome.sent)
    return 0 if sent >= _GOOD and len(seen.outcomes) + len(seen.malformed_errors) == 10 else 1


def _settings(settings: Settings) -> Settings:
    """The demo's own: nothing it does may touch a real queue or reach a real person."""
    home = settings.home / "demo"
    return settings.model_copy(
        update={
            "broker_url": None,
            "email_url": None,
            "ledger_url": None,
            "channels": ("email",),
            "home": home,
        }
    )


def _samples(snapshot: Snapshot) -> list[_Sample]:
    infos = [
        info for info in list_templates(snapshot) if "email" in info.channels and info.examples
    ]
    if not infos:
        raise click.ClickException("no template has an example to make a message from")
    streams = {info.name: fake_messages(snapshot, info.name, 10) for info in infos}
    names = cycle(streams)
    good = [
        _sample(name, next(streams[name])) for name, _ in zip(names, range(_GOOD), strict=False)
    ]
    unknown = _sample(_MISSING, next(streams[next(names)]))
    broken = json.dumps({"template": infos[0].name, "parameters": ["a list, not an object"]})
    return [*good, unknown, _Sample(_identity(), "(missing)", infos[0].name, broken.encode())]


def _sample(template: str, message: Mapping[str, JsonValue]) -> _Sample:
    identity = _identity()
    fields = {"from": _SENDER, **message, "template": template, "id": identity}
    body = json.dumps(fields, ensure_ascii=False).encode()
    return _Sample(identity, str(message["to"]), template, body)


def _identity() -> str:
    return f"demo-{uuid.uuid4().hex[:8]}"


async def _run(container: Container, samples: list[_Sample]) -> None:
    publisher = container.publisher()
    for sample in samples:
        properties = Properties(content_type="application/json", message_id=sample.id)
        await publisher.publish("email", sample.body, properties=properties, headers={})
    await container.consumer().run(container.handler().handle, drain=True)
    await close_outbound(container)
    await publisher.close()


def _mails(mailbox: Path) -> dict[str, Path]:
    """Notification id -> mail, for every mail in the mailbox."""
    parser = BytesHeaderParser()
    found = {}
    for path in chain(mailbox.glob("new/*"), mailbox.glob("cur/*")):
        with path.open("rb") as mail:
            found[str(parser.parse(mail).get("X-Dispatcher-Id", ""))] = path
    return found


def _fate(sample: _Sample, seen: _Ledger, mails: Mapping[str, Path]) -> str:
    if error := seen.malformed_errors.get(sample.id):
        return f"dead-lettered: malformed: {error}"
    outcome = seen.outcomes.get(sample.id)
    if outcome is None:
        return "still queued"
    parts = [f"dead-lettered: {r.reason}: {r.error}" for r in outcome.rejected]
    parts += [f"will be tried again: {r.error}" for r in outcome.deferred]
    if outcome.sent:
        parts.insert(0, f"sent: {mails.get(sample.id, 'see the mailbox')}")
    return "; ".join(parts)


def _explain(settings: Settings, samples: list[_Sample], mailbox: Path) -> None:
    unknown, broken = samples[-2], samples[-1]
    run = _command_line(settings)
    template = f"{settings.templates_dir / _MISSING}.jinja2"
    click.echo(
        f"""
The mails are in the Maildir {mailbox}: open a file with any mail program.

Two messages were meant to fail, and are kept with their reason:

  {run} failed list

Number 9 asks for a template that does not exist. Make it, move the letter back, and send it:

  echo '<p>Hello {{{{ recipient }}}}, here is your invoice.</p>' > {template}
  {run} failed retry {unknown.id} --yes
  {run} worker --drain

Number 10 cannot be read; whoever published it must mend it. See why, then remove it:

  {run} failed show {broken.id}
  {run} failed remove {broken.id} --yes
"""
    )


def _command_line(settings: Settings) -> str:
    """How to call this program on the demo's queue and mailbox, whatever else is configured."""
    program = Path(sys.argv[0])
    if program.is_absolute() and program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    aside = {
        variable(name): value
        for name, value in (("broker_url", settings.broker), ("email_url", settings.email))
        if name in load_settings().origins
    }
    places = {variable("home"): settings.home, **aside}
    return " ".join([*(f"{name}={value}" for name, value in places.items()), str(program)])
