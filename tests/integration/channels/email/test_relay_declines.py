"""A list of relays: what one of them declines, the next one is offered."""

import pytest

from domain.errors import Throttled
from domain.outcome import Rejected, Sent
from tests.fakes import a_notification
from tests.support.relay_list import Scene, run
from tests.support.smtp_dispatching import Desk
from tests.support.smtp_server import Say


@pytest.mark.parametrize(
    ("phase", "reply"),
    [
        ("dot", "550 5.4.5 Daily user sending limit exceeded."),
        ("mail", "452 4.5.4 Daily sending quota exceeded"),
        ("rcpt", "550 5.7.1 Client host rejected: cannot find your hostname"),
        ("data", "451 4.3.2 system is shutting down"),
        ("mail", "530 5.7.0 Authentication required"),
    ],
)
def test_field_5_10_a_refusal_that_can_only_be_about_us_goes_to_the_next_relay_at_once(
    phase: str, reply: str
) -> None:
    async def body(scene: Scene) -> None:
        scene.first.on(phase, Say(reply))
        assert [await scene.send() for _ in range(8)] == [None] * 8
        assert scene.accepted == (0, 8)
        asked = [c for one in scene.first.sessions for c in one.commands if c.startswith("MAIL")]
        assert len(asked) <= 5  # then it rests

    run(body)


def test_field_5_10_one_mail_that_a_relay_declines_leaves_the_others_with_it() -> None:
    async def body(scene: Scene) -> None:
        scene.first.on("dot", Say("550 5.4.5 Daily user sending limit exceeded."), times=1)
        assert [await scene.send() for _ in range(4)] == [None] * 4
        assert scene.accepted == (3, 1)

    run(body)


def test_field_5_10_a_refusal_that_may_be_about_the_sender_is_asked_nowhere_else() -> None:
    async def body(scene: Scene) -> None:
        scene.first.on("mail", Say("553 5.7.1 sender address rejected: not owned by user"))
        assert isinstance(await scene.send(), Throttled)  # it waits for what others meet
        assert scene.second.sessions == []

    run(body)


def test_field_5_10_where_every_relay_declines_a_mail_it_waits_without_an_attempt() -> None:
    async def body(scene: Scene) -> None:
        scene.first.on("mail", Say("451 4.3.0 queue file write error"))
        scene.second.on("dot", Say("550 5.4.5 Daily user sending limit exceeded."))
        answers = [await scene.send() for _ in range(4)]
        assert all(isinstance(answer, Throttled) for answer in answers)
        assert scene.accepted == (0, 0)

    run(body)


def test_field_5_10_recipients_that_a_relay_declines_go_to_the_next_one() -> None:
    to = tuple(f"{name}@example.com" for name in ("ann", "bob", "eve"))

    async def body(scene: Scene) -> None:
        scene.first.on("rcpt", Say("452 4.5.4 daily quota exceeded"), address="bob@")
        scene.first.on("rcpt", Say("550 5.1.1 no such user"), address="eve@")
        outcome = await Desk(scene.notifier).dispatch(a_notification(to=to))
        assert [type(result) for result in outcome.results] == [Sent, Sent, Rejected]
        assert scene.first.deliveries == ["ann@example.com"]
        assert scene.second.deliveries == ["bob@example.com"]

    run(body)
