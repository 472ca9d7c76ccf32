"""Thousands of messages against a Bot API that refuses whatever is too fast."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from adapters.channels.telegram.limiter import TelegramLimits
from adapters.channels.telegram.notifier import TelegramNotifier
from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from domain.content import Content
from domain.errors import Throttled
from tests.fakes import a_notification
from tests.support.telegram_scene import WorkerScene
from tests.support.telegram_server import BotApi, ServerLimits
from tests.support.threads import in_thread
from tests.support.worker import wait_until

ALLOWANCE = 1.4
FASTER = 5
IN_HAND = 80
"""Messages in a worker's hands by default."""


def shuffled(chats: int, messages: int) -> list[int]:
    found = [1 + number % chats for number in range(messages)]
    random.Random(7).shuffle(found)
    return found


@pytest.mark.slow
def test_four_thousand_messages_to_two_hundred_chats_take_what_the_limits_allow() -> None:
    """Five times as fast as Telegram; `python -m benchmarks.telegram` is as slow as it is."""
    waiting = shuffled(chats=200, messages=4_000)
    allowed = {"chat_per_second": 1 * FASTER, "bot_per_second": 30 * FASTER}

    async def main() -> BotApi:
        async with BotApi(limits=ServerLimits(**allowed)) as api:
            notifier = TelegramNotifier(
                token=lambda: api.token, api_url=lambda: api.url, limits=TelegramLimits(**allowed)
            )
            content = Content(parts={"telegram": "<b>Hi</b>"})

            async def hand() -> None:
                while waiting:
                    message = a_notification(channel="telegram", to=str(waiting.pop()))
                    while True:
                        try:
                            await notifier.notify(message, content, message.recipients)
                        except Throttled as error:
                            await asyncio.sleep(error.retry_after.total_seconds())
                        else:
                            break

            await asyncio.gather(*(hand() for _ in range(IN_HAND)))
            await notifier.close()
            return api

    api = asyncio.run(main())

    assert api.refused_by_limit == 0
    assert Counter(call.chat for call in api.delivered) == dict.fromkeys(range(1, 201), 20)
    taken = api.delivered[-1].at - api.delivered[0].at
    assert taken < 4_000 / (30 * FASTER) * ALLOWANCE


@pytest.mark.slow
def test_a_worker_keeps_the_limits_and_mails_do_not_wait_for_it(tmp_path: Path) -> None:
    chats = shuffled(chats=200, messages=900)
    mails, mailbox = 400, tmp_path / "mail"
    with in_thread(BotApi(limits=ServerLimits())) as api:
        scene = WorkerScene(tmp_path, api)
        (tmp_path / "templates" / "note" / "html.jinja2").write_text("<p>{{ words }}</p>")
        beside = {
            "channels": "email,telegram",
            "email_url": f"maildir:{mailbox}",
            "email_from": "shop@example.com",
            "log_level": "info",
        }
        with scene.worker(**beside) as worker:
            worker.wait_for("probes are served")
            asyncio.run(fill(tmp_path / "queue.db", chats, mails))
            wait_until(lambda: count(mailbox) == mails, on_failure=lambda: worker.output)
            by_then = len(api.delivered)
            wait_until(
                lambda: len(api.delivered) == len(chats),
                seconds=90,
                on_failure=lambda: worker.output,
            )

    assert by_then < len(chats) / 2
    assert api.refused_by_limit == 0
    assert Counter(call.chat for call in api.delivered) == Counter(chats)
    taken = api.delivered[-1].at - api.delivered[0].at
    assert taken < len(chats) / 30 * ALLOWANCE


def count(mailbox: Path) -> int:
    new = mailbox / "new"
    return len(list(new.iterdir())) if new.is_dir() else 0


async def fill(path: Path, chats: list[int], mails: int) -> None:
    """The messages first, the mails behind them."""
    queue = SqliteQueue(path, SystemClock())
    mail_queue = [("email", f"user{number}@example.com") for number in range(mails)]
    for number, (name, to) in enumerate([*(("telegram", chat) for chat in chats), *mail_queue]):
        message = {
            "id": f"id-{number}",
            "to": to,
            "subject": "Hi",
            "template": "note",
            "parameters": {"words": number},
        }
        await queue.publish(name, json.dumps(message).encode(), Properties(), {})
    await queue.close()
