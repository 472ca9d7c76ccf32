"""Producers of other projects: the generated helpers in folders of their own, and what arrives."""

import json
import os
import shutil
import subprocess
import sys
from email.header import decode_header, make_header
from mailbox import Maildir
from pathlib import Path
from typing import Any

from tests.support.containers import unavailable
from tests.support.tools import tool
from tests.support.worker import ROOT, run_command

PYTHON_PRODUCER = """
import sys
from messages import Message, NotStored, Publisher, publish

order: Message = {
    "id": "order-1",
    "to": ["Ann <ann@example.com>"],
    "from": "Shop <shop@example.com>",
    "template": "order-confirmation",
    "locale": "it",
    "parameters": {
        "name": "Zoë",
        "delivery": "venerdì",
        "link": "https://example.com/1",
        "order": {
            "number": "HV-1",
            "total": "19,00 €",
            "lines": [{"name": "Tè", "quantity": 2, "price": "19,00 €"}],
        },
    },
}
url, queue = sys.argv[1:3]
with Publisher(url) as publisher:
    print(publisher.publish(order, queue=queue))
    print(publisher.publish(order, queue=queue))
print(
    publish(
        {
            "to": "bob@example.com",
            "from": "shop@example.com",
            "subject": "Hello",
            "template": "welcome",
            "parameters": {"name": "Bob", "link": "https://example.com/2"},
        },
        url,
        queue=queue,
    )
)
for absent in sys.argv[3:]:
    try:
        publish(order, url, queue=absent)
    except NotStored as error:
        print(error)
"""

ODD: dict[str, Any] = {
    "class": 1,
    "from": None,
    "nothing": {},
    "mixed": [1, "a", None, 1.5, {"k": True}, [[]]],
    "subject": "what a template has by itself",
    "range": 1,
    "str": "as a type is named",
    "deep": [[{"b": {"first-name": "x", "def": 1, "__y": 2, 'quo"te': 3, "naïve": 4, "9": 5}}]],
    "either": {"a": 1},
    "hidden": {"@QUEUE@": 1, "@VERSION@": 2, "@TYPES@": 3, "\u202e\u00a0": 4, "*/": 5, "a\nb": 6},
}
"""Parameters of all kinds, with keys that no language takes as names."""
CHOSEN = {"kind": "_a.jinja2", "name": "Ann"}
"""Parameters of a template of which nothing says that it reads the name."""
LONG = "a-template-whose-name-is-so-long-that-it-alone-fills-most-of-a-line"
TYPESCRIPT = ROOT / "tests/support/typescript"
PROJECT = ("package.json", "tsconfig.json", "producer.ts", "mistakes.ts")


def helper(language: str, folder: Path, *, templates: Path | None = ROOT / "templates") -> str:
    """What `dispatcher schema --LANGUAGE` prints; without `templates` in a folder that has none."""
    settings = {"home": str(folder / "var")}
    if templates is not None:
        settings["templates_dir"] = str(templates)
    printed = run_command("schema", f"--{language}", settings=settings, cwd=folder)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout


def odd_templates(folder: Path) -> Path:
    """Templates with names that are equal in a language, or long, or begin with a digit."""
    templates = folder / "templates"
    reads = "".join(f"{{{{ {name} | tojson }}}}" for name in ODD)
    for name in ("a-b", "a_b", "a.b", "shop/a-b", "2fa", "message", LONG, f"{LONG}-2"):
        (templates / name / "examples").mkdir(parents=True)
        (templates / name / "text.jinja2").write_text(reads)
        for number, more in enumerate([{}, {"either": "x"}]):
            example = {"to": "a@example.com", "parameters": {**ODD, **more}}
            (templates / name / f"examples/{number}.json").write_text(json.dumps(example))
    (templates / "plain.jinja2").write_text("Hello")
    (templates / "chosen/examples").mkdir(parents=True)
    (templates / "chosen/text.jinja2").write_text("{% include 'parts/' ~ kind %}")
    (templates / "chosen/examples/0.json").write_text(json.dumps({"parameters": CHOSEN}))
    return templates


def run_python(text: str, *arguments: str, cwd: Path) -> str:
    """Run a program next to the helper, with nothing of ours to import; what it printed."""
    program = cwd / "producer.py"
    program.write_text(text)
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("DISPATCHER", "PYTHON"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", program.name, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def typescript_project(folder: Path, text: str) -> Path:
    """A project with the helper as `messages.ts`, and amqplib and the compiler in it."""
    tool("node")
    if not (TYPESCRIPT / "node_modules/.bin/tsc").exists():
        unavailable(f"no packages in {TYPESCRIPT}: .ci/install installs them")
    folder.mkdir()
    for name in PROJECT:
        shutil.copy(TYPESCRIPT / name, folder)
    (folder / "node_modules").symlink_to(TYPESCRIPT / "node_modules")
    (folder / "messages.ts").write_text(text)
    return folder


def delivered(folder: Path, **settings: str) -> dict[str, str]:
    """Subject by recipient of what a worker delivers, once its queues are empty."""
    worker = {
        "email_url": f"maildir:{folder}/mail",
        "templates_dir": str(ROOT / "templates"),
        "ledger_url": f"sqlite:///{folder}/ledger.db",
        "log_format": "json",
        **settings,
    }
    done = run_command("worker", "--drain", settings=worker, cwd=folder)
    assert done.returncode == 0, done.stderr
    mails = Maildir(str(folder / "mail"))
    return {str(mail["To"]): str(make_header(decode_header(mail["Subject"]))) for mail in mails}
