"""Scenes between a TelegramNotifier and a Bot API, and between a worker and one."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.channels.shared.http import HttpClient
from adapters.channels.telegram.limiter import TelegramLimits
from adapters.channels.telegram.notifier import TelegramNotifier
from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from domain.content import Content
from domain.errors import DeliveryError
from tests.fakes import a_notification
from tests.support.telegram_peer import BRISK
from tests.support.telegram_server import BotApi
from tests.support.worker import Worker, running

CHAT = 42
HEADER = "x-dispatcher-"

Send = Callable[..., Awaitable[DeliveryError | None]]
Scene = Callable[[BotApi, Send], Awaitable[None]]


def with_telegram(
    scene: Scene, *, limits: TelegramLimits = BRISK, attachments_dir: Path | None = None
) -> None:
    """Play `scene`; its `send(text, to, resume, **notification)` gives the error or None. `plain`:
    the text is the template's part `text`."""

    async def main() -> None:
        async with BotApi() as api:
            notifier = TelegramNotifier(
                token=lambda: api.token,
                api_url=lambda: api.url,
                attachments_dir=attachments_dir,
                limits=limits,
                client=HttpClient("telegram", timeout=2),
            )

            async def send(
                text: str = "Hi",
                to: int | str = CHAT,
                *,
                resume: str | None = "",
                plain: bool = False,
                **changes: object,
            ) -> DeliveryError | None:
                content = Content(parts={"text" if plain else "telegram": text})
                notification = a_notification(channel="telegram", to=str(to), **changes)
                recipient = replace(notification.to[0], resume=resume or "")
                try:
                    await notifier.notify(notification, content, [recipient])
                except DeliveryError as error:
                    return error
                return None

            try:
                await scene(api, send)
            finally:
                await notifier.close()

    asyncio.run(main())


class WorkerScene:
    """A worker on an embedded queue, its channel `telegram` alone, and the messages for it."""

    def __init__(self, folder: Path, api: BotApi, template: str = "<b>{{ words }}</b>") -> None:
        self.folder = folder
        self.settings = {
            "telegram_token": api.token,
            "telegram_api_url": api.url,
            "broker_url": f"sqlite:///{folder}/queue.db",
            "home": str(folder / "var"),
            "templates_dir": str(folder / "templates"),
            "channels": "telegram",
            "retry_delays": "200ms,200ms",
            "auto_release": "off",
            "http": "127.0.0.1:0",
            "log_format": "json",
            "log_level": "debug",
        }
        note = folder / "templates" / "note"
        note.mkdir(parents=True)
        (note / "telegram.jinja2").write_text(template)

    def publish(self, number: int, to: object = CHAT, **changes: object) -> None:
        message = {
            "id": f"id-{number}",
            "to": to,
            "template": "note",
            "parameters": {"words": f"R&D {number}"},
            **changes,
        }
        with self._queue() as queue:
            asyncio.run(queue.publish("telegram", json.dumps(message).encode(), Properties(), {}))

    def letters(self) -> list[dict[str, Any]]:
        """The headers of the dead letters, without their prefix."""

        async def read(queue: SqliteQueue) -> list[dict[str, Any]]:
            ids = await queue.dead_ids("telegram")
            found = [await queue.dead_letter(id_, "telegram") for id_ in ids]
            return [
                {name.removeprefix(HEADER): value for name, value in letter.headers.items()}
                for letter in found
                if letter is not None
            ]

        with self._queue() as queue:
            return asyncio.run(read(queue))

    @contextmanager
    def worker(self, **changes: str) -> Iterator[Worker]:
        with running(self.folder, {**self.settings, **changes}) as worker:
            yield worker
            assert worker.terminate() == 0

    @contextmanager
    def _queue(self) -> Iterator[SqliteQueue]:
        queue = SqliteQueue(self.folder / "queue.db", SystemClock())
        try:
            yield queue
        finally:
            asyncio.run(queue.close())
