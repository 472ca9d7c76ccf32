"""`dispatcher init`: the sample templates, which come with the program, and files to start from."""

from collections.abc import Mapping
from pathlib import Path

import click

from entrypoints.cli.application import words

_PACKAGED = Path(__file__).parents[2] / "samples"  # in an installed wheel
_CHECKED_OUT = Path(__file__).resolve().parents[4] / "templates"

_SETTINGS = """\
# Settings of Dispatcher; a DISPATCHER_* variable wins over its line here.
# `dispatcher config show` lists every setting, its value and where it comes from.

templates_dir = "templates"
email_from = "Shop <shop@example.com>"

# Without a broker the embedded queue in the folder `var` is used, for trying out:
# broker_url = "amqp://user:password@localhost:5672/"

# Without a relay mails are kept in `var/mail`, and `dispatcher mailbox` shows them:
# email_url = "smtp+starttls://user:password@mail.example.com:587"
"""

_COMPOSE = """\
# A RabbitMQ and a mailbox on this machine, to try Dispatcher with: docker compose up -d
# The console is at http://127.0.0.1:15672, the mails are at http://127.0.0.1:8025.
# `dispatcher mailbox` can take the place of the mailbox: it has the same ports and the same API.
# dispatcher.toml then needs these two lines:
#   broker_url = "amqp://dispatcher:dispatcher@127.0.0.1:5672/"
#   email_url = "smtp://127.0.0.1:1025"
services:
  rabbitmq:
    image: ${RABBITMQ_IMAGE:-rabbitmq:4-management}
    hostname: rabbitmq
    environment:
      RABBITMQ_DEFAULT_USER: dispatcher
      RABBITMQ_DEFAULT_PASS: dispatcher
    ports:
      - 127.0.0.1:${AMQP_PORT:-5672}:5672
      - 127.0.0.1:${CONSOLE_PORT:-15672}:15672
    volumes:
      - rabbitmq:/var/lib/rabbitmq
    restart: unless-stopped
  mailbox:
    image: ${MAILBOX_IMAGE:-mailhog/mailhog:v1.0.1}
    ports:
      - 127.0.0.1:${SMTP_PORT:-1025}:1025
      - 127.0.0.1:${MAILBOX_PORT:-8025}:8025
    restart: unless-stopped
volumes:
  rabbitmq:
"""

_STARTERS = {"dispatcher.toml": _SETTINGS, "compose.yaml": _COMPOSE}


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Write sample templates, a dispatcher.toml and a compose.yaml to start from, by default into
    this folder.

    The compose.yaml starts a RabbitMQ and a mailbox on this machine. Changes nothing that exists.
    Prints the files that it wrote.
    """
    written = write_templates(folder / "templates")
    written += _write({folder / name: text.encode() for name, text in _STARTERS.items()})
    for file in written:
        click.echo(file)
    if written:
        words(f"{len(written)} files written; next: dispatcher demo")
    else:
        words(f"{folder} has all of these files already; nothing was written")


def write_templates(folder: Path) -> list[Path]:
    """Write the samples below `folder`; the files that were written. What is there stays as it is.

    Raises OSError."""
    samples = _PACKAGED if _PACKAGED.is_dir() else _CHECKED_OUT
    files = [file for file in sorted(samples.rglob("*")) if file.is_file()]
    return _write({folder / file.relative_to(samples): file.read_bytes() for file in files})


def _write(files: Mapping[Path, bytes]) -> list[Path]:
    missing = [file for file in files if not file.exists()]
    for file in missing:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(files[file])
    return missing
