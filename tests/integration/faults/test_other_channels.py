"""Trouble with providers over HTTP, hundreds of messages at a time (faults 38 to 40, 46)."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.http_server import Cut
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.slack_server import POST, SlackServer
from tests.support.smtp_script import Hang
from tests.support.smtp_server import SmtpServer
from tests.support.telegram_server import (
    BotApi,
    blocked,
    migrated,
    too_many,
)
from tests.support.threads import in_thread
from tests.support.worker import Worker, running, wait_until

REASON = "x-dispatcher-reason"
CHANNELS = ("email", "telegram", "slack")


@dataclass
class Street:
    """Three providers, a queue for each, and a worker between."""

    folder: Path
    broker: Broker
    settings: dict[str, str]
    queues: dict[str, str]
    relay: SmtpServer
    bot: BotApi
    slack: SlackServer

    def publish(self, channel: str, *bodies: bytes) -> None:
        queue = self.queues[channel]
        with Peer(self.broker.url) as peer:
            if peer.ready(queue) is None:
                peer.declare(queue, {"x-queue-type": "quorum"})
            peer.publish(queue, *bodies)

    def dead(self, channel: str) -> dict[str, str]:
        """Take the dead letters: id -> reason."""
        with Peer(self.broker.url) as peer:
            return {
                json.loads(body)["id"]: (properties.headers or {})[REASON]
                for properties, body in peer.take_all(f"{self.queues[channel]}.dead")
            }

    def waiting(self) -> int:
        """How many wait in work queues and tiers."""
        names = [
            name
            for queue in self.queues.values()
            for name in (queue, *(f"{queue}.retry.{tier}" for tier in (200, 300, 10_000)))
        ]
        with Peer(self.broker.url) as peer:
            return sum(peer.ready(name) or 0 for name in names)


@pytest.fixture
def street(tmp_path: Path, rabbitmq: Broker, queue: str) -> Iterator[Street]:
    relay, bot, slack = SmtpServer(), BotApi(), SlackServer()
    queues = {channel: f"{queue}-{channel}" for channel in CHANNELS}
    with (
        in_thread(relay),
        in_thread(bot),
        in_thread(slack.server),
    ):
        settings = {
            **shop_settings(tmp_path, rabbitmq.url, f"smtp://127.0.0.1:{relay.port}", "unused"),
            "queues": ",".join(f"{channel}={name}" for channel, name in queues.items()),
            "telegram_token": bot.token,
            "telegram_api_url": bot.url,
            "slack_token": slack.token,
            "slack_api_url": slack.api_url,
            "retry_delays": "200ms,300ms",
            "grace": "5s",
        }
        yield Street(tmp_path, rabbitmq, settings, queues, relay, bot, slack)


def settled(street: Street, worker: Worker, count: int, *, seconds: float = 60) -> None:
    """Wait until so many notifications ended as sent or dead, and none is left."""
    wait_until(
        lambda: (
            len(worker.events("notification sent"))
            + len(worker.events("notification dead-lettered"))
            >= count
            and street.waiting() == 0
        ),
        seconds=seconds,
        on_failure=lambda: worker.output[-3000:],
    )


def test_fault_38_telegram_throttles_one_chat_blocks_another_and_moves_a_third(
    street: Street,
) -> None:
    throttled, blocking, moved = 1, 2, -3
    street.bot.answer(too_many(4), chat=throttled, times=1)
    street.bot.answer(blocked(), chat=blocking)
    street.bot.answer(migrated(-1003), chat=moved)
    chats = [throttled, blocking, moved, *range(10, 57)]
    orders = [(n, chats[n % len(chats)]) for n in range(200)]
    began = time.monotonic()

    street.publish("telegram", *(an_order(n, to=chat) for n, chat in orders))
    with running(street.folder, street.settings) as worker:
        wait_until(
            lambda: any(c.chat == throttled for c in street.bot.delivered),
            on_failure=lambda: worker.output[-3000:],
        )
        waited = time.monotonic() - began
        settled(street, worker, 200)
        assert worker.terminate() == 0

    assert waited >= 4
    per_chat = Counter(call.chat for call in street.bot.delivered)
    assert per_chat == {-1003 if chat == moved else chat: 4 for chat in chats if chat != blocking}
    reasons = street.dead("telegram")
    assert reasons == {f"id-{n}": "recipient_refused" for n, chat in orders if chat == blocking}


def test_fault_39_slack_refuses_by_name_throttles_and_has_troubles_of_its_own(
    street: Street,
) -> None:
    rooms = [f"C{n:09}" for n in range(100)]
    gone, slow, odd = rooms[:3]
    street.slack.refuse(gone, "channel_not_found")
    street.slack.throttle(slow, 2)
    street.slack.refuse(odd, "never_heard_of")

    orders = [(n, rooms[n % 100]) for n in range(200)]
    street.publish("slack", *(an_order(n, to=room) for n, room in orders))
    with running(street.folder, street.settings) as worker:
        settled(street, worker, 200)
        assert worker.terminate() == 0

    assert street.dead("slack") == {
        f"id-{n}": "recipient_refused" if room == gone else "retries_exhausted"
        for n, room in orders
        if room in {gone, odd}
    }
    sent = Counter(post["channel"] for post in street.slack.posts)
    assert sent == dict.fromkeys(set(rooms) - {gone, odd}, 2)


def test_fault_40_an_answer_that_never_comes_is_resent_or_held(
    street: Street,
) -> None:
    held = street.folder / "templates" / "invoice"
    held.mkdir()
    (held / "text.jinja2").write_text("Invoice of {{ name }}")
    (held / "template.toml").write_text('in_doubt = "hold"\n')
    rooms = [f"C{n:09}" for n in range(100)]
    street.slack.server.on(Cut(), path=POST, times=10)

    street.publish(
        "slack",
        *(an_order(n, to=rooms[n % 100]) for n in range(100)),
        *(an_order(n, to=rooms[n % 100], template="invoice") for n in range(100, 200)),
    )
    with running(street.folder, street.settings) as worker:
        settled(street, worker, 200)
        assert worker.terminate() == 0

    dead = street.dead("slack")
    assert set(dead.values()) <= {"in_doubt"}
    assert all(int(name.removeprefix("id-")) >= 100 for name in dead)
    assert len(street.slack.posts) + len(dead) == 200


@pytest.mark.parametrize("broken", CHANNELS)
def test_fault_46_one_broken_channel_leaves_the_others_their_rate(
    street: Street, broken: str
) -> None:
    if broken == "email":
        street.relay.on("connect", Hang())
    elif broken == "telegram":
        street.bot.server.stop_listening()
    else:
        street.slack.server.stop_listening()
    to: dict[str, Callable[[int], object]] = {
        "email": lambda n: f"user{n}@example.com",
        "telegram": lambda n: 1000 + n,
        "slack": lambda n: f"C{n:09}",
    }
    for channel in CHANNELS:
        street.publish(
            channel, *(an_order(n, id=f"{channel}-{n}", to=to[channel](n)) for n in range(150))
        )

    with running(street.folder, street.settings) as worker:
        worker.wait_for("consuming")
        healthy = [channel for channel in CHANNELS if channel != broken]
        wait_until(
            lambda: len(worker.events("notification sent")) == 150 * len(healthy),
            seconds=30,  # six times what Telegram's own pace takes
            on_failure=lambda: worker.output[-3000:],
        )
        assert worker.terminate() == 0

    assert worker.events("notification dead-lettered") == []
    counts = {
        "email": len(street.relay.deliveries),
        "telegram": len(street.bot.delivered),
        "slack": len(street.slack.posts),
    }
    assert counts == {channel: 0 if channel == broken else 150 for channel in CHANNELS}
