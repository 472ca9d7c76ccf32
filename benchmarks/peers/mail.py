"""The mail that all peers send: HTML and text from two templates, by the standard library."""

import os
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

AMQP_URL = os.environ["BENCH_AMQP_URL"]
QUEUE = os.environ["BENCH_QUEUE"]
HOST, PORT = os.environ["BENCH_SMTP"].split(":")
PREFETCH = 100

_HERE = Path(__file__).parent
_templates = Environment(
    loader=FileSystemLoader([_HERE.parent / "templates", _HERE / "templates"]),
    autoescape=lambda name: not (name or "").endswith(".txt.jinja2"),
)


def mail_of(message: dict[str, Any]) -> EmailMessage:
    """The mail that a message asks for."""
    values = {"subject": message["subject"], **message["parameters"]}
    text = _templates.get_template(f"{message['template']}.txt.jinja2").render(values)
    html = _templates.get_template(f"{message['template']}.jinja2").render(values)
    mail = EmailMessage()
    mail["From"] = message["from"]
    mail["To"] = message["to"]
    mail["Reply-To"] = message["reply_to"]
    mail["Subject"] = message["subject"]
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="shop.example")
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail
