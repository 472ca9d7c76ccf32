"""A queue with dead letters in it, seen through the commands alone, on any broker."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from mailbox import Maildir
from pathlib import Path
from typing import Any

from tests.support.rabbit import Peer
from tests.support.worker import clean_environment, run_command


@dataclass(frozen=True)
class Office:
    """One work queue, its worker's templates and mailbox, all below `home`."""

    home: Path
    queue: str
    broker_url: str | None = None

    @property
    def settings(self) -> dict[str, str]:
        own = {} if self.broker_url is None else {"broker_url": self.broker_url}
        mail, templates = f"maildir:{self.home / 'mail'}", str(self.home / "templates")
        return {
            "queues": f"email={self.queue}",
            "email_url": mail,
            "templates_dir": templates,
            "email_from": "shop@example.com",
            "home": str(self.home / "var"),
            "auto_release": "off",
            **own,
        }

    def template(self, name: str, text: str = "<p>Hello</p>") -> None:
        """Write a template, and the first time its folder."""
        folder = self.home / "templates"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.jinja2").write_text(f"{{% set subject = 'Hi' %}}{text}")

    def failed(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `dispatcher failed` to its end."""
        return run_command("failed", *arguments, settings=self.settings, cwd=self.home, stdin=stdin)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start `dispatcher failed`; end it."""
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from entrypoints.cli import main; main()",
                "failed",
                *arguments,
            ],
            env={**clean_environment(**self.settings), **environment},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def bury(self, letters: Iterable[Mapping[str, Any]]) -> None:
        """Put dead letters there, as `line` makes them."""
        text = "".join(json.dumps(letter) + "\n" for letter in letters)
        stored = self.failed("import", "-", stdin=text)
        assert stored.returncode == 0, stored.stderr

    def line(
        self,
        id_: str,
        *,
        reason: str = "template_missing",
        error: str = "",
        remaining: list[str] | None = None,
        **fields: object,
    ) -> dict[str, Any]:
        """One letter as `export` prints it."""
        message = {"id": id_, "to": f"{id_}@example.com", "template": "welcome", "subject": "Hi"}
        headers: dict[str, object] = {
            "x-dispatcher-attempt": 1,
            "x-dispatcher-reason": reason,
            "x-dispatcher-error": error,
            "x-dispatcher-failed-at": "2026-01-31T08:00:00Z",
            "x-dispatcher-key": id_,
        }
        if remaining is not None:
            headers["x-dispatcher-remaining"] = json.dumps(remaining)
        body = json.dumps({**message, **fields})
        return {"queue": self.queue, "headers": headers, "properties": {}, "body": body}

    def dead(self, *arguments: str) -> list[str]:
        """The ids of the dead letters, in the order of `failed list --json`."""
        return [letter["id"] for letter in self.listed(*arguments)]

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        """What `failed list --json` prints."""
        listed = self.failed("list", "--json", *arguments)
        assert listed.returncode == 0, listed.stderr
        letters: list[dict[str, Any]] = json.loads(listed.stdout)
        return letters

    def sent(self) -> list[tuple[str, str]]:
        """Let a worker send what waits; id and recipient of every mail there is."""
        worked = run_command("worker", "--drain", settings=self.settings, cwd=self.home)
        assert worked.returncode == 0, worked.stderr
        if not (self.home / "mail").exists():
            return []
        mails = Maildir(str(self.home / "mail"), create=False)
        return sorted((str(mail["X-Dispatcher-Id"]), str(mail["To"])) for mail in mails)

    def waiting(self) -> int:
        """How many messages are in the work queue."""
        if self.broker_url is not None:
            with Peer(self.broker_url) as peer:
                return peer.ready(self.queue) or 0
        with closing(sqlite3.connect(self.home / "var/queue.db")) as connection:
            sql = "SELECT count(*) FROM message WHERE queue = ?"
            return int(connection.execute(sql, (self.queue,)).fetchone()[0])


def press_ctrl_c(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """SIGINT; what the process says until it ends."""
    os.kill(process.pid, signal.SIGINT)
    return process.communicate(timeout=60)
