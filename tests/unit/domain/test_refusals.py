"""Whom a refusal is about: the messages that follow show it."""

import random
from collections.abc import Callable

import pytest

from domain.errors import FailureReason, Permanent, Transient
from domain.notification import Notification
from tests.support.relay_scene import RelayScene, interleaved, mails
from tests.support.virtual_time import run as run_virtually

QUOTA = Permanent(
    "550 5.4.5 Daily user sending limit exceeded.",
    reason=FailureReason.CONTENT_REFUSED,
    provider_fault=True,
    is_certain=True,
)
BAD_SENDER = Permanent(
    "553 sender not allowed", reason=FailureReason.SENDER_REFUSED, provider_fault=True
)
NO_RELAY = Permanent(
    "554 Relay access denied", reason=FailureReason.RECIPIENT_REFUSED, provider_fault=True
)
LEAVES = Transient("421 4.3.2 closing", provider_fault=True, is_certain=True)
NO_USER = Permanent("550 no such user", reason=FailureReason.RECIPIENT_REFUSED)


def refused_from(sender: str) -> Callable[[Notification], Permanent | None]:
    def rule(notification: Notification) -> Permanent | None:
        assert notification.sender is not None
        return BAD_SENDER if notification.sender.address == sender else None

    return rule


@pytest.mark.parametrize("prefetch", [1, 10, 80])
@pytest.mark.parametrize("error", [QUOTA, NO_RELAY, BAD_SENDER, LEAVES], ids=str)
def test_field_5_1_a_refusal_of_all_kills_none_and_all_are_sent_after_it(
    error: Permanent | Transient, prefetch: int
) -> None:
    scene = RelayScene(prefetch=prefetch)
    scene.relay.rule = lambda _n: error

    def lift() -> None:
        scene.relay.rule = lambda _n: None

    run_virtually(scene.run(mails(60), at={1000: lift}))

    assert scene.dead == {}
    assert len(scene.sent) == 60
    assert scene.attempts_spent == 0
    paused_at, cause = scene.pauses[0]
    assert paused_at < 60
    assert str(error) in (cause or "")
    assert len(scene.relay.asked) < 60 + 25 + 1000 / 4  # the probes
    assert min(scene.sent.values()) < 1032
    assert max(scene.sent.values()) < 1150


def test_field_5_1_each_probe_takes_another_message() -> None:
    scene = RelayScene()
    scene.relay.rule = lambda _n: QUOTA

    run_virtually(scene.run(mails(60), seconds=60))

    probes = [name for at, name in scene.relay.asked if at > 1]
    assert len(probes) > 12
    assert len(set(probes)) == len(probes)


def test_field_5_1_a_quota_that_lets_one_pass_now_and_then_kills_few() -> None:
    scene = RelayScene()
    passed = [0]

    def one_in_three_minutes(_notification: Notification) -> Permanent | None:
        now = int(scene_time() // 180)
        if now > passed[0]:
            passed[0] = now
            return None
        return QUOTA

    def scene_time() -> float:
        return scene.relay.asked[-1][0]

    scene.relay.rule = one_in_three_minutes
    run_virtually(scene.run(mails(60), seconds=3600))

    assert len(scene.dead) <= 5
    assert len(scene.sent) >= 15


def test_field_5_14_one_such_mail_among_good_ones_dies_alone() -> None:
    scene = RelayScene()
    scene.relay.rule = refused_from("bad@example.com")
    good = mails(100)
    bad = mails(1, name="bad", sender="bad@example.com")

    run_virtually(scene.run([*good[:50], *bad, *good[50:]]))

    assert set(scene.dead) == {"bad-0"}
    assert scene.dead["bad-0"].reason is FailureReason.SENDER_REFUSED
    assert len(scene.sent) == 100
    assert scene.pauses == []
    assert max(scene.sent.values()) < 5


def test_field_5_1_one_mail_that_alone_makes_the_relay_leave_stops_no_other() -> None:
    scene = RelayScene()
    scene.relay.rule = lambda notification: LEAVES if notification.id.startswith("bad") else None
    good = mails(100)

    run_virtually(scene.run([*good[:50], *mails(1, name="bad"), *good[50:]], seconds=100_000))

    assert set(scene.dead) == {"bad-0"}
    assert scene.dead["bad-0"].reason is FailureReason.RETRIES_EXHAUSTED
    assert len(scene.sent) == 100
    assert scene.pauses == []
    assert max(scene.sent.values()) < 5


def test_field_5_14_one_refused_as_the_last_of_all_is_final_after_a_few_tries() -> None:
    scene = RelayScene()
    scene.relay.rule = refused_from("bad@example.com")

    run_virtually(scene.run([*mails(20), *mails(1, name="bad", sender="bad@example.com")]))

    assert scene.dead["bad-0"].error == "553 sender not allowed"
    assert len([name for _at, name in scene.relay.asked if name == "bad-0"]) <= 3


@pytest.mark.parametrize("order", ["interleaved", "bad first", "bad in the middle"])
@pytest.mark.parametrize("bad_count", [40, 300, 1000])
def test_field_5_1_a_bad_producer_does_not_stop_the_good_ones_for_long(
    bad_count: int, order: str
) -> None:
    scene = RelayScene()
    scene.relay.rule = refused_from("bad@example.com")
    good, bad = mails(100), mails(bad_count, name="bad", sender="bad@example.com")
    messages = {
        "interleaved": interleaved(good, bad),
        "bad first": [*bad, *good],
        "bad in the middle": [*good[:50], *bad, *good[50:]],
    }[order]

    run_virtually(scene.run(messages))

    assert len(scene.sent) == 100
    assert max(scene.sent.values()) < 120
    assert len(scene.dead) == bad_count
    assert {one.reason for one in scene.dead.values()} == {FailureReason.SENDER_REFUSED}


@pytest.mark.parametrize("bad_count", [40, 300])
def test_field_5_14_one_domain_that_is_not_relayed_to_does_not_stop_the_others(
    bad_count: int,
) -> None:
    scene = RelayScene()
    scene.relay.rule = lambda n: NO_RELAY if "elsewhere" in n.to[0].address else None
    good, bad = mails(100), mails(bad_count, name="bad", domain="elsewhere.example")

    run_virtually(scene.run([*bad, *good]))

    assert len(scene.sent) == 100
    assert max(scene.sent.values()) < 120
    assert len(scene.dead) == bad_count


def test_unknown_recipients_in_between_do_not_hide_a_quota() -> None:
    scene = RelayScene()
    scene.relay.rule = lambda n: NO_USER if n.id.startswith("gone") else QUOTA

    run_virtually(scene.run(interleaved(mails(60), mails(30, name="gone")), seconds=60))

    assert scene.pauses
    assert all(name.startswith("gone") for name in scene.dead)


def test_after_a_quota_a_queue_of_unknown_recipients_alone_ends_the_pause() -> None:
    scene = RelayScene()
    scene.relay.rule = lambda _n: QUOTA

    def lift() -> None:
        scene.relay.rule = lambda _n: NO_USER

    run_virtually(scene.run(mails(300), at={60: lift}))

    assert len(scene.dead) == 300
    assert scene.pauses[-1][1] is None
    assert scene.pauses[-1][0] < 120


def test_a_few_good_mails_are_enough_to_show_a_bad_producer() -> None:
    scene = RelayScene()
    scene.relay.rule = refused_from("bad@example.com")

    run_virtually(scene.run([*mails(20, name="bad", sender="bad@example.com"), *mails(3)]))

    assert len(scene.sent) == 3
    assert len(scene.dead) == 20


@pytest.mark.parametrize("seed", range(20))
def test_in_any_order_a_quota_kills_none_but_what_is_refused_without_it(seed: int) -> None:
    chance = random.Random(seed)
    scene = RelayScene(concurrency=chance.choice([1, 3, 10, 40]))
    bad = refused_from("bad@example.com")
    is_used_up = [False]

    def rule(notification: Notification) -> Permanent | None:
        return QUOTA if is_used_up[0] else bad(notification)

    def turn() -> None:
        is_used_up[0] = not is_used_up[0]

    scene.relay.rule = rule
    messages = [
        *mails(300, sender="shop@example.com"),
        *mails(100, name="other", sender="other@example.com", domain="example.net"),
        *mails(chance.choice([0, 1, 30]), name="bad", sender="bad@example.com"),
    ]
    chance.shuffle(messages)
    turns = {chance.uniform(0, 1): turn, chance.uniform(50, 900): turn}

    run_virtually(scene.run(messages, at=turns, seconds=3600))

    assert [name for name in scene.dead if not name.startswith("bad")] == []
    assert len(scene.sent) == 400
