"""The sample templates, which come with the program, and a folder to start from."""

import shutil
from collections.abc import Iterator
from pathlib import Path

_PACKAGED = Path(__file__).with_name("samples")  # in an installed wheel
_CHECKED_OUT = Path(__file__).resolve().parents[2] / "templates"

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


def write_templates(folder: Path) -> Iterator[Path]:
    """Write the samples below `folder`; each file that was written. What is there stays as it is.

    Raises OSError."""
    samples = _PACKAGED if _PACKAGED.is_dir() else _CHECKED_OUT
    for source in sorted(samples.rglob("*")):
        target = folder / source.relative_to(samples)
        if source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            yield target


def write_starters(folder: Path) -> Iterator[Path]:
    """Write the files to start from into `folder`; each file that was written. What is there stays
    as it is. Raises OSError."""
    for name, text in _STARTERS.items():
        target = folder / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            yield target
