"""Workers with a list of suppressions, an embedded queue and a Maildir."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from tests.support.worker import Worker, run_command, running

ANN, BOB = "ann@example.com", "bob@example.com"


class Desk:
    """A folder with one template, an embedded queue, a Maildir and a list."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.list = folder / "suppressions.txt"
        self.mails = folder / "mails"
        (folder / "templates").mkdir()
        (folder / "templates/note.jinja2").write_text("<p>Hello</p>")
        self.settings = {
            "home": str(folder / "var"),
            "templates_dir": str(folder / "templates"),
            "email_url": f"maildir:{self.mails}",
            "email_from": "shop@example.com",
            "channels": "email",
            "suppressions": str(self.list),
            "log_format": "json",
            **settings,
        }

    def command(self, *arguments: str, code: int = 0) -> Any:
        """Run a command; its JSON where it prints some, else what it says."""
        done = run_command(*arguments, settings=self.settings, cwd=self.folder)
        assert done.returncode == code, (arguments, done)
        return json.loads(done.stdout) if "--json" in arguments else done.stdout + done.stderr

    def publish(self, fields: Mapping[str, object] | bytes, queue: str = "email") -> None:
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        path = self.folder / "var/queue.db"

        async def main() -> None:
            store = SqliteQueue(path, SystemClock())
            await store.publish(queue, body, Properties(), {})
            await store.close()

        asyncio.run(main())

    def drain(self) -> Worker:
        """A worker that has emptied the queues."""
        with running(self.folder, self.settings, "--drain") as worker:
            assert worker.process.wait(timeout=60) == 0, worker.output
            return worker

    def worker(self) -> AbstractContextManager[Worker]:
        return running(self.folder, self.settings)

    def dead(self) -> list[dict[str, Any]]:
        letters: list[dict[str, Any]] = self.command("failed", "list", "--json")
        return letters

    @property
    def written_to(self) -> set[str]:
        """The addresses that have got a mail."""
        texts = [path.read_text() for path in (self.mails / "new").glob("*")]
        return {one for one in (ANN, BOB, "cy@example.com") if any(one in text for text in texts)}


def a_note(to: object = ANN, **more: object) -> dict[str, object]:
    return {"template": "note", "subject": "Hi", "to": to, "individually": True, **more}
