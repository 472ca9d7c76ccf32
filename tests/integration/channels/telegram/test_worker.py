"""A message on the queue `telegram`, a real worker, a scripted Bot API: what becomes of it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_server import Action, Cut
from tests.support.rabbit import Broker, Peer
from tests.support.telegram_scene import CHAT, WorkerScene
from tests.support.telegram_server import (
    BotApi,
    blocked,
    failed,
    migrated,
    too_many,
    unauthorized,
)
from tests.support.threads import in_thread
from tests.support.worker import metrics_of, wait_until

SECRET = "Sentinel-s3cret"
LONG = "\n\n".join(f"{name} " + "x " * 1800 for name in ("first", "second", "third"))
PAUSED = "channel is paused: what it needs is away"


@pytest.fixture
def api() -> Iterator[BotApi]:
    with in_thread(BotApi(f"123456:{SECRET}")) as api:
        yield api


@pytest.fixture
def scene(tmp_path: Path, api: BotApi) -> WorkerScene:
    return WorkerScene(tmp_path, api)


def test_a_message_to_an_integer_arrives_escaped(scene: WorkerScene, api: BotApi) -> None:
    scene.publish(1, to=CHAT)
    scene.publish(2, to="@my_channel", metadata={"telegram": {"silent": True}})

    with scene.worker() as worker:
        wait_until(lambda: len(api.delivered) == 2, on_failure=lambda: worker.output)

    by_chat = {call.chat: call for call in api.delivered}
    assert by_chat[CHAT].text == "<b>R&amp;D 1</b>"
    assert by_chat["@my_channel"].fields["disable_notification"] is True
    assert scene.letters() == []


def test_each_of_several_recipients_fares_alone(scene: WorkerScene, api: BotApi) -> None:
    api.answer(blocked(), chat=7)
    scene.publish(1, to=[CHAT, 7, "nobody"])

    with scene.worker() as worker:
        wait_until(lambda: len(scene.letters()) == 2, on_failure=lambda: worker.output)

    assert [call.chat for call in api.delivered] == [CHAT]
    assert {letter["reason"]: json.loads(letter["remaining"]) for letter in scene.letters()} == {
        "recipient_refused": ["7"],
        "recipient_invalid": ["nobody"],
    }


def test_a_named_wait_is_waited_spends_no_attempt_and_holds_nobody(
    scene: WorkerScene, api: BotApi
) -> None:
    api.answer(too_many(3), chat=CHAT, times=1)
    api.answer(blocked(), chat=CHAT, containing="2")
    scene.publish(1)
    scene.publish(2)
    scene.publish(3, to=7)

    with scene.worker() as worker:
        wait_until(lambda: len(scene.letters()) == 1, on_failure=lambda: worker.output)
        wait_until(lambda: len(api.delivered) == 2, on_failure=lambda: worker.output)

    refused, *later = [call for call in api.calls if call.chat == CHAT]
    [other] = [call for call in api.calls if call.chat == 7]
    assert all(other.at < call.at for call in later)
    assert all(call.at - refused.at >= 3 for call in later)
    [letter] = scene.letters()
    assert (letter["reason"], letter["attempt"]) == ("recipient_refused", 1)


@pytest.mark.parametrize(
    "trouble", [failed(500, "Internal Server Error"), Cut()], ids=["fault", "cut"]
)
def test_the_part_that_failed_is_the_first_of_the_next_try_in_another_process(
    scene: WorkerScene, api: BotApi, trouble: Action
) -> None:
    api.answer(trouble, containing="(2/3)", times=1)
    scene.publish(1, parameters={"words": LONG})

    with scene.worker(retry_delays="3s") as worker:
        worker.wait_for("notification deferred")
    with scene.worker(retry_delays="3s") as worker:
        wait_until(lambda: len(api.delivered) == 3, on_failure=lambda: worker.output)
        worker.wait_for("notification sent")

    numbers = [call.text.rpartition("\n")[2] for call in api.calls]
    assert numbers == ["(1/3)", "(2/3)", "(2/3)", "(3/3)"]
    assert scene.letters() == []


def test_on_rabbitmq_the_place_and_the_wait_travel_with_the_copy(
    scene: WorkerScene, api: BotApi, rabbitmq: Broker, queue: str
) -> None:
    api.answer(too_many(2), containing="(2/3)", times=1)
    broker = {"broker_url": rabbitmq.url, "queues": f"telegram={queue}"}
    message = {"id": "1", "to": CHAT, "template": "note", "parameters": {"words": LONG}}

    with Peer(rabbitmq.url) as peer, scene.worker(**broker) as worker:
        worker.wait_for("consuming")
        peer.publish(queue, json.dumps(message).encode())
        wait_until(lambda: len(api.delivered) == 3, on_failure=lambda: worker.output)
        sent = worker.wait_for("notification sent")
        wait_until(lambda: peer.ready(queue) == 0)
        assert peer.ready(f"{queue}.dead") == 0

    numbers = [call.text.rpartition("\n")[2] for call in api.calls]
    assert numbers == ["(1/3)", "(2/3)", "(2/3)", "(3/3)"]
    assert api.calls[2].at - api.calls[1].at >= 2
    assert sent["attempt"] == 1


def test_a_refused_token_pauses_the_channel_until_it_is_good_again(
    scene: WorkerScene, api: BotApi
) -> None:
    good, api.token = api.token, "another"
    scene.publish(1)

    with scene.worker() as worker:
        worker.wait_for(PAUSED)
        api.token = good
        wait_until(lambda: len(api.delivered) == 1, on_failure=lambda: worker.output)

    assert scene.letters() == []


def test_the_token_is_nowhere_told_whatever_goes_wrong(scene: WorkerScene, api: BotApi) -> None:
    api.answer(unauthorized(f"Unauthorized: {api.token}"), chat=1, times=1)
    api.answer(failed(400, f"Bad Request: {api.url}/bot{api.token}/sendMessage"), chat=2)
    api.answer(failed(500, f"Internal Server Error in {api.token}"), chat=3)
    api.answer(Cut(), chat=4)
    api.answer(migrated(-1001), chat=-5)
    api.answer(too_many(1), chat=6, times=1)
    for number, chat in enumerate((1, 2, 3, 4, -5, 6)):
        scene.publish(number, to=chat)

    with scene.worker() as worker:
        wait_until(lambda: len(scene.letters()) == 3, on_failure=lambda: worker.output)
        wait_until(lambda: len(api.delivered) == 3, on_failure=lambda: worker.output)
        metrics = metrics_of(worker)

    assert SECRET not in worker.output
    assert SECRET not in metrics
    assert SECRET not in json.dumps(scene.letters())
    assert {"-5", "-1001"} <= {
        str(event[key])
        for event in worker.events("telegram chat has a new id")
        for key in ("old", "new")
    }


def test_messages_for_a_busy_chat_wait_in_the_queue_and_not_in_the_worker(
    scene: WorkerScene, api: BotApi
) -> None:
    for number in range(40):
        scene.publish(number)
    scene.publish(99, to=7)

    with scene.worker(prefetch="20") as worker:
        started = time.monotonic()
        wait_until(
            lambda: any(call.chat == 7 for call in api.delivered),
            on_failure=lambda: worker.output,
        )
        waited = time.monotonic() - started

    assert waited < 8, "it came last, and did not wait for those before it"
    deferred = worker.events("notification deferred")
    assert len(deferred) > 5
    assert {(event["attempt"], event["error"]) for event in deferred} == {
        (1, "telegram's limits leave no room for it yet")
    }
