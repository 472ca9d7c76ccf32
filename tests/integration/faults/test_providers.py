"""Trouble with the SMTP server, the ledger and the messages (faults 29 to 35, 43, 44)."""

import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.faults.scene import Scene
from tests.support.orders import an_order
from tests.support.rabbit import Peer
from tests.support.smtp_script import Call, Cut, Say
from tests.support.worker import run_command, wait_until

ORDERS = 300
HEADER = "x-dispatcher-"


def test_fault_29_duplicates_are_sent_once_and_another_body_is_a_conflict(scene: Scene) -> None:
    bodies = [an_order(n) for n in range(100)]
    others = [an_order(n, subject="another") for n in range(100)]
    with scene.worker() as worker, Peer(scene.broker.url) as peer:
        scene.publish(*bodies, *bodies)
        scene.await_settled(worker)
        peer.publish(scene.queue, *others)
        dead = f"{scene.queue}.dead"
        wait_until(lambda: peer.ready(dead) == 100, on_failure=lambda: worker.output)
        assert worker.terminate() == 0
        reasons = [(p.headers or {})[f"{HEADER}reason"] for p, _ in peer.take_all(dead)]

    assert reasons == ["conflict"] * 100
    scene.all_sent()


def test_fault_30_who_was_taken_for_dead_sends_nothing_more(scene: Scene) -> None:
    scene.settings["email_pool"] = "1"
    with scene.worker() as first:

        def stop_the_first() -> None:
            time.sleep(0.2)
            os.kill(first.process.pid, signal.SIGSTOP)

        scene.server.on("rcpt", Call(stop_the_first, "250 2.1.5 ok"), address="user20@", times=1)
        scene.publish_orders(100)
        wait_until(lambda: _is_stopped(first.process.pid))
        with scene.worker() as second:
            scene.in_loop(scene.proxy.cut)  # what the first has in hand goes to the second
            scene.await_settled(second)
            os.kill(first.process.pid, signal.SIGCONT)
            first.wait_for("broker is unreachable; waiting")
            time.sleep(2)
            assert (first.terminate(), second.terminate()) == (0, 0)

    scene.all_sent()


def _is_stopped(pid: int) -> bool:
    return ") T" in Path(f"/proc/{pid}/stat").read_text()


def test_fault_31_an_outage_in_mid_flow_spends_no_attempt_and_buries_none(scene: Scene) -> None:
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        wait_until(lambda: scene.sent_so_far() > 20, on_failure=lambda: worker.output)
        scene.server.on("connect", Say("421 4.3.2 down"))
        scene.server.on("mail", Cut("421 4.3.2 going down"))
        worker.wait_for("channel is paused: what it needs is away")
        time.sleep(3)
        told = len(worker.events("channel is paused: what it needs is away"))
        scene.server.rules.clear()
        scene.await_settled(worker)
        assert worker.terminate() == 0
        attempts = Counter(entry["attempt"] for entry in worker.events("notification sent"))

    assert told < 10
    assert set(attempts) == {1}
    scene.all_sent()


def test_fault_32_a_wrong_password_keeps_the_backlog_and_is_never_shown(scene: Scene) -> None:
    canary = "canary-1b7f"
    scene.server.users = {"shop": "changed meanwhile"}
    wrong = f"smtp://shop:{canary}@127.0.0.1:{scene.server.port}"
    scene.publish_orders(ORDERS)
    with scene.worker(email_url=wrong) as worker:
        worker.wait_for("channel is paused: what it needs is away")
        time.sleep(2)
        assert worker.terminate() == 0
        shown = run_command(
            "config", "show", settings=scene.settings | {"email_url": wrong}, cwd=scene.folder
        )
    assert canary not in worker.output + shown.stdout + shown.stderr
    assert scene.sent_so_far() == 0

    right = f"smtp://shop:changed%20meanwhile@127.0.0.1:{scene.server.port}"
    finished = scene.finish(email_url=right)

    assert {entry["attempt"] for entry in finished.events("notification sent")} == {1}
    scene.all_sent()


@pytest.mark.slow
def test_fault_33_goodbyes_of_the_server_cost_no_attempt(scene: Scene) -> None:
    scene.settings["email_pool"] = "3"
    scene.publish_orders(ORDERS)
    with scene.worker() as worker:
        for part in range(1, 10):
            wait_until(
                scene.has_sent(part * ORDERS // 10),
                on_failure=lambda: worker.output,
            )
            scene.server.on("mail", Cut("421 4.4.2 too many mails, come again"), times=1)
        scene.await_settled(worker)
        assert worker.terminate() == 0
        sent = worker.events("notification sent")

    assert {entry["attempt"] for entry in sent} == {1}
    assert worker.events("channel is paused: what it needs is away") == []
    scene.all_sent()


def test_fault_34_one_refused_of_five_costs_the_other_four_nothing(scene: Scene) -> None:
    scene.server.on("rcpt", Say("550 5.1.1 no such user"), address="nobody")
    count = 60
    with scene.worker() as worker, Peer(scene.broker.url) as peer:
        for number in range(count):
            people = [f"{who}-{number}@example.com" for who in ("a", "b", "nobody", "c", "d")]
            peer.publish(scene.queue, an_order(number, to=people))
        dead = f"{scene.queue}.dead"
        wait_until(lambda: peer.ready(dead) == count, on_failure=lambda: worker.output)
        assert worker.terminate() == 0
        owed = [(p.headers or {})[f"{HEADER}remaining"] for p, _ in peer.take_all(dead)]
        assert peer.ready(scene.queue) == 0

    assert sorted(owed) == sorted(f'["nobody-{n}@example.com"]' for n in range(count))
    wanted = {f"{who}-{n}@example.com" for who in "abcd" for n in range(count)}
    assert Counter(scene.server.deliveries) == Counter(dict.fromkeys(wanted, 1))


def test_fault_35_greylisted_mail_waits_in_the_longest_tier_and_arrives(scene: Scene) -> None:
    scene.settings["retry_delays"] = "200ms,2000ms"
    scene.server.on("rcpt", Say("450 4.7.1 greylisted, try again later"), times=100)
    scene.publish_orders(100)
    with scene.worker() as worker:
        scene.await_settled(worker)
        assert worker.terminate() == 0
        waits = Counter(e["retry_in_seconds"] for e in worker.events("notification deferred"))

    assert waits == {2.0: 100}
    scene.all_sent()


def test_fault_44_while_the_ledger_is_held_nothing_is_sent_and_then_all_is(scene: Scene) -> None:
    scene.server.on("dot", Say("250 2.0.0 queued", delay=0.02))
    scene.publish_orders(ORDERS)
    with scene.worker() as worker, ExitStack() as holding:
        wait_until(lambda: scene.sent_so_far() > 20, on_failure=lambda: worker.output)
        holding.enter_context(scene.ledger_held())
        worker.wait_for("channel is paused: what it needs is away")
        before = scene.sent_so_far()
        time.sleep(2)
        assert scene.sent_so_far() == before
        holding.close()
        scene.await_settled(worker)
        assert worker.terminate() == 0

    scene.all_sent()
