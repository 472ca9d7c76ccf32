"""How many messages are sent ahead depends on their size."""

from adapters.inbound.contract import InboundMessage
from adapters.inbound.in_hand import InHand
from adapters.rabbitmq.subscription import Change, Intake

MIB = 2**20
SMALL, LARGE = 2000, 10 * MIB


def an_intake(queues: int = 1) -> Intake:
    return Intake(80, largest=10 * MIB, room=64 * MIB, queues=queues)


def arrivals(
    intake: Intake, in_hand: InHand, size: int, count: int, now: float = 0.0
) -> list[Change]:
    changes: list[Change] = []
    bodies = bytes(size)
    for _ in range(count):
        in_hand.take(InboundMessage(queue="email", body=bodies))
        if change := intake.came(size, in_hand, now):
            changes.append(change)
    return changes


def test_before_any_size_is_known_only_what_fits_at_the_largest_is_sent_ahead() -> None:
    assert an_intake().always == 3
    assert an_intake(queues=3).always == 1
    assert Intake(2, largest=10 * MIB, room=64 * MIB, queues=1).always == 2
    assert Intake(80, largest=100 * MIB, room=64 * MIB, queues=1).always == 1
    assert Intake(1, largest=1, room=64 * MIB, queues=1).more == 0


def test_small_messages_open_the_whole_prefetch_once() -> None:
    intake = an_intake()

    assert arrivals(intake, InHand(), SMALL, 100) == ["more"]
    assert intake.always + intake.more == 80


def test_large_messages_do_not() -> None:
    assert arrivals(an_intake(), InHand(), LARGE, 100) == []


def test_large_messages_after_small_ones_close_it_at_half_of_the_room() -> None:
    intake, in_hand = an_intake(), InHand()
    arrivals(intake, in_hand, SMALL, 40)

    assert arrivals(intake, in_hand, LARGE, 3) == []
    assert arrivals(intake, in_hand, LARGE, 1) == ["less"]
    assert arrivals(intake, in_hand, LARGE, 10) == []


def test_a_queue_that_brought_large_messages_is_trusted_again_a_minute_later() -> None:
    intake, in_hand = an_intake(), InHand()
    arrivals(intake, in_hand, SMALL, 40)
    arrivals(intake, in_hand, LARGE, 4)

    assert arrivals(intake, in_hand, SMALL, 100, now=59) == []
    assert arrivals(intake, in_hand, SMALL, 1, now=61) == ["more"]


def test_a_new_channel_begins_with_few_and_asks_for_more_at_its_first_message() -> None:
    intake, in_hand = an_intake(), InHand()
    arrivals(intake, in_hand, SMALL, 40)

    intake.begin()

    assert arrivals(intake, in_hand, SMALL, 1) == ["more"]
