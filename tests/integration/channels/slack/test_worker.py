"""A message on the queue `slack`, a real worker, a scripted Slack: what arrives and what rests."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.message_format.rules import Properties
from adapters.sqlite.queue import SqliteQueue
from tests.support.http_server import Answer
from tests.support.slack_server import POST, SlackServer, failed
from tests.support.threads import in_thread
from tests.support.worker import Worker, metrics_of, running, wait_until

SECRET = "Sentinel-s3cret"
CHANNEL = "C123ABC456"
BLOCKS = (
    '[{"type": "section", "text": {"type": "mrkdwn", "text": "*{{ name }}*: {{ words }}"}},'
    ' {"type": "divider"}]'
)
HEADER = "x-dispatcher-"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    slack = SlackServer(token=f"xoxb-{SECRET}", hook_secret=SECRET)
    with in_thread(slack.server):
        yield slack


class Scene:
    """A worker on an embedded queue, its channel `slack` alone, and the messages for it."""

    def __init__(self, folder: Path, slack: SlackServer, *, webhook: bool) -> None:
        self.folder = folder
        own = {"slack_webhook_url": slack.hook_url} if webhook else {"slack_token": slack.token}
        self.settings = {
            **own,
            "broker_url": f"sqlite:///{folder}/queue.db",
            "home": str(folder / "var"),
            "templates_dir": str(folder / "templates"),
            "channels": "slack",
            "slack_api_url": slack.api_url,
            "retry_delays": "200ms",
            "auto_release": "off",
            "http": "127.0.0.1:0",
            "log_format": "json",
            "log_level": "debug",
        }
        template = folder / "templates" / "note"
        template.mkdir(parents=True)
        (template / "slack.json.jinja2").write_text(BLOCKS)
        (template / "slack.jinja2").write_text("{{ name }}: {{ words }}")

    def publish(self, number: int, to: str = CHANNEL, **changes: object) -> None:
        message = {
            "id": f"id-{number}",
            "to": to,
            "template": "note",
            "parameters": {"name": "R&D", "words": f'<!channel> "{number}"\n'},
            **changes,
        }
        with self._queue() as queue:
            asyncio.run(queue.publish("slack", json.dumps(message).encode(), Properties(), {}))

    def letters(self) -> list[dict[str, Any]]:
        """The headers of the dead letters, without their prefix."""

        async def read(queue: SqliteQueue) -> list[dict[str, Any]]:
            ids = await queue.dead_ids("slack")
            found = [await queue.dead_letter(id_, "slack") for id_ in ids]
            return [
                {name.removeprefix(HEADER): value for name, value in letter.headers.items()}
                for letter in found
                if letter is not None
            ]

        with self._queue() as queue:
            return asyncio.run(read(queue))

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        with running(self.folder, self.settings) as worker:
            yield worker
            assert worker.terminate() == 0
        assert SECRET not in worker.output

    @contextmanager
    def _queue(self) -> Iterator[SqliteQueue]:
        queue = SqliteQueue(self.folder / "queue.db", SystemClock())
        try:
            yield queue
        finally:
            asyncio.run(queue.close())


@pytest.fixture
def scene(tmp_path: Path, slack: SlackServer) -> Scene:
    return Scene(tmp_path, slack, webhook=False)


def test_a_message_arrives_with_its_blocks_and_no_value_mentions_anybody(
    scene: Scene, slack: SlackServer
) -> None:
    slack.users["ann@example.com"] = "U123ABC456"
    scene.publish(1, metadata={"slack": {"thread_ts": "1503435956.000247", "unfurl": False}})
    scene.publish(2, to="ann@example.com")

    with scene.worker() as worker:
        wait_until(lambda: len(slack.posts) == 2, on_failure=lambda: worker.output)

    first, second = sorted(slack.posts, key=lambda post: post["channel"])
    words = 'R&amp;D*: &lt;!channel&gt; "1"\n'
    assert first == {
        "channel": CHANNEL,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": f"*{words}"}},
            {"type": "divider"},
        ],
        "text": 'R&amp;D: &lt;!channel&gt; "1"',
        "thread_ts": "1503435956.000247",
        "unfurl_links": False,
        "unfurl_media": False,
    }
    assert second["channel"] == "U123ABC456"
    assert slack.look_ups == ["ann@example.com"]
    assert scene.letters() == []


def test_a_refused_recipient_and_a_refused_message_are_dead_lettered_with_their_reasons(
    scene: Scene, slack: SlackServer
) -> None:
    slack.refuse("C0GONE00000", "channel_not_found")
    scene.publish(1, to="C0GONE00000")
    scene.publish(2, to="no address")
    scene.publish(3, metadata={"slack": {"thread_ts": "never"}})

    with scene.worker() as worker:
        wait_until(lambda: len(scene.letters()) == 3, on_failure=lambda: worker.output)

    letters = scene.letters()
    assert sorted((letter["reason"], letter["attempt"]) for letter in letters) == [
        ("content_refused", 1),
        ("recipient_invalid", 1),
        ("recipient_refused", 1),
    ]
    assert any("channel_not_found" in letter["error"] for letter in letters)
    assert SECRET not in json.dumps(letters)
    assert slack.posts == []


def test_a_wait_that_slack_asks_for_is_waited_and_spends_no_attempt(
    scene: Scene, slack: SlackServer
) -> None:
    slack.throttle(CHANNEL, seconds=2)
    slack.throttle("C0GONE00000", seconds=1)
    slack.refuse("C0GONE00000", "is_archived")
    scene.publish(1)
    scene.publish(2, to="C0GONE00000")

    with scene.worker() as worker:
        wait_until(lambda: len(slack.server.requests) == 2, on_failure=lambda: worker.output)
        began = time.monotonic()
        wait_until(lambda: len(slack.posts) == 1, on_failure=lambda: worker.output)
        waited = time.monotonic() - began
        wait_until(lambda: len(scene.letters()) == 1, on_failure=lambda: worker.output)

    assert waited > 1.8
    assert len(slack.server.requests) == 4
    [letter] = scene.letters()
    assert (letter["reason"], letter["attempt"]) == ("recipient_refused", 1)


def test_a_flood_to_one_channel_keeps_slack_s_pace_and_holds_up_no_other(
    scene: Scene, slack: SlackServer
) -> None:
    slack.burst = 5
    for number in range(17):
        scene.publish(number)
    scene.publish(99, to="C0QUIET0000")

    with scene.worker() as worker:
        wait_until(lambda: len(slack.posts) > 0, on_failure=lambda: worker.output)
        began = time.monotonic()
        wait_until(lambda: len(slack.posts) == 18, on_failure=lambda: worker.output)
        took = time.monotonic() - began

    served = [post["channel"] for post in slack.posts]
    assert served.index("C0QUIET0000") < 10
    assert slack.too_fast == 0
    assert took > 12
    assert len(slack.server.requests) == 18
    assert scene.letters() == []


def test_an_unknown_code_goes_through_the_tiers_and_shows_in_the_metrics(
    scene: Scene, slack: SlackServer
) -> None:
    slack.server.on(failed("mercury_in_retrograde"), path=POST)
    scene.publish(1)

    with scene.worker() as worker:
        wait_until(lambda: len(scene.letters()) == 1, on_failure=lambda: worker.output)
        metrics = metrics_of(worker)

    [letter] = scene.letters()
    assert (letter["reason"], letter["attempt"]) == ("retries_exhausted", 2)
    labels = 'channel="slack",code="mercury_in_retrograde"'
    assert f"dispatcher_unknown_codes_total{{{labels}}} 2" in metrics


def test_a_refused_token_pauses_the_channel_until_it_is_good_again(
    scene: Scene, slack: SlackServer
) -> None:
    good, slack.token = slack.token, "another"
    scene.publish(1)

    with scene.worker() as worker:
        worker.wait_for("channel is paused: what it needs is away")
        assert 'dispatcher_channel_paused{channel="slack"} 1' in metrics_of(worker)
        slack.token = good
        wait_until(lambda: len(slack.posts) == 1, on_failure=lambda: worker.output)

    assert scene.letters() == []


def test_a_webhook_takes_what_is_for_anybody_and_its_path_is_nowhere_told(
    tmp_path: Path, slack: SlackServer
) -> None:
    scene = Scene(tmp_path, slack, webhook=True)
    slack.server.on(Answer(400, "invalid_payload"), path=slack.hook, times=1)
    scene.publish(1, to="the ops people")

    with scene.worker() as worker:
        wait_until(lambda: len(scene.letters()) == 1, on_failure=lambda: worker.output)
        scene.publish(2, to="the ops people")
        wait_until(lambda: len(slack.hooked) == 1, on_failure=lambda: worker.output)

    assert scene.letters()[0]["reason"] == "content_refused"
    assert SECRET not in json.dumps(scene.letters())
