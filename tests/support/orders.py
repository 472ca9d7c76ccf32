"""A shop's mails: the settings of a worker that sends them, and the messages."""

import json
from pathlib import Path


def shop_settings(folder: Path, broker_url: str, email_url: str, queue: str) -> dict[str, str]:
    """Settings of a worker with one template, `welcome`, on a queue of its own."""
    templates = folder / "templates"
    templates.mkdir()
    (templates / "welcome.jinja2").write_text("<h1>Hello {{ name }}</h1>")
    return {
        "broker_url": broker_url,
        "email_url": email_url,
        "queues": f"email={queue}",
        "templates_dir": str(templates),
        "auto_release": "off",
        "ledger_url": f"sqlite:///{folder}/ledger.db",
        "log_format": "json",
    }


def an_order(number: int, **changes: object) -> bytes:
    """A message with an id of its own to a recipient of its own; a change to None drops a field."""
    fields: dict[str, object] = {
        "id": f"id-{number}",
        "from": "shop@example.com",
        "to": f"user{number}@example.com",
        "subject": f"Order {number}",
        "template": "welcome",
        "parameters": {"name": f"Customer {number}"},
    }
    wanted = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    return json.dumps(wanted).encode()
