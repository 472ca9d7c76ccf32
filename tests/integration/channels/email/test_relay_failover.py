"""A list of relays: which one takes the mail while the first is away, and until when."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.errors import InDoubt, Unavailable
from domain.ledger import LedgerUnavailable
from domain.notification import Recipient
from domain.ports import AskAgain
from tests.support.relay_list import LATE, Scene, run
from tests.support.smtp_server import Action, Cut, CutAfter, Hang, Say, SmtpServer
from tests.support.threads import in_thread
from tests.support.worker import run_command


def test_field_5_10_the_first_relay_is_used_while_it_is_there() -> None:
    async def body(scene: Scene) -> None:
        assert [await scene.send() for _ in range(3)] == [None] * 3
        assert scene.accepted == (3, 0)
        assert scene.second.sessions == []

    run(body)


@pytest.mark.parametrize("action", [Cut(), Hang(), Say("421 4.3.2 not now")])
def test_field_5_10_mails_that_wait_for_their_turn_leave_with_the_first_that_found_it_away(
    action: Action,
) -> None:
    first = SmtpServer()
    first.on("connect", action)

    async def body(scene: Scene) -> None:
        answers = await asyncio.gather(*(scene.send() for _ in range(30)))

        assert answers == [None] * 30
        assert scene.accepted == (0, 30)
        # Two connections at once, and a second try of each while it greets late: not one a mail.
        assert len(scene.first.sessions) <= 4

    run(body, first)


@pytest.mark.parametrize(
    ("phase", "action"),
    [
        ("connect", Cut()),
        ("connect", Hang()),
        ("connect", Say("220 at last", delay=LATE)),
        ("connect", Say("421 4.3.2 not now")),
        ("helo", Say("550 5.7.1 not you")),
        ("helo", Hang()),
        ("auth", Say("535 5.7.8 authentication failed")),
        ("auth", Say("454 4.7.0 temporary authentication failure")),
    ],
)
def test_field_5_10_the_next_one_takes_over_while_the_first_is_away(
    phase: str, action: Say | Cut | Hang
) -> None:
    async def body(scene: Scene) -> None:
        scene.first.on(phase, action)
        assert [await scene.send() for _ in range(3)] == [None] * 3
        assert scene.accepted == (0, 3)
        assert len(scene.first.sessions) == 1  # not asked again before its pause is over

    run(body, SmtpServer(users={"ann": "right"}))


def test_field_5_10_mails_in_hand_when_the_first_leaves_all_go_by_the_second() -> None:
    async def body(scene: Scene) -> None:
        scene.first.stop_listening()
        assert await asyncio.gather(*(scene.send() for _ in range(40))) == [None] * 40
        assert scene.accepted == (0, 40)

    run(body)


def test_field_5_10_the_first_is_used_again_when_it_returns() -> None:
    async def body(scene: Scene) -> None:
        scene.first.on("connect", Cut("421 4.3.2 not now"), times=2)
        for moment in (0.0, 0.5, 1.1, 2.0, 3.2, 3.3):
            scene.time = 1000.0 + moment
            assert await scene.send() is None
        # away at 0, still away at 1.1, back at 3.2
        assert scene.accepted == (2, 4)
        assert len(scene.first.sessions) == 3

    run(body)


def test_field_5_10_one_mail_at_a_time_sees_whether_the_first_is_back() -> None:
    async def body(scene: Scene) -> None:
        scene.first.on("connect", Cut(), times=1)
        await scene.send()
        scene.first.on("connect", Say("220 hello", delay=0.1))
        scene.time += 2.0
        assert await asyncio.gather(*(scene.send() for _ in range(10))) == [None] * 10
        assert scene.accepted == (1, 10)

    run(body)


@pytest.mark.parametrize(("phase", "action"), [("dot", Cut()), ("payload", CutAfter(10))])
def test_field_5_10_a_mail_in_doubt_goes_to_no_other_relay(
    phase: str, action: Cut | CutAfter
) -> None:
    async def body(scene: Scene) -> None:
        scene.first.on(phase, action)
        for _ in range(6):
            assert isinstance(await scene.send(), InDoubt)
        assert scene.accepted == (0, 0)
        assert scene.second.sessions == []

    run(body)


def test_field_5_10_a_refused_recipient_is_refused_and_asked_nowhere_else() -> None:
    async def body(scene: Scene) -> None:
        scene.first.on("rcpt", Say("550 5.1.1 no such user"))
        for _ in range(6):
            assert "no such user" in str(await scene.send())
        assert scene.second.sessions == []

    run(body)


def test_field_5_10_where_all_are_away_the_error_has_every_cause() -> None:
    async def body(scene: Scene) -> None:
        scene.first.on("connect", Say("421 4.3.2 first is down"))
        scene.second.on("helo", Say("550 5.7.1 second does not like us"))
        error = await scene.send()
        assert isinstance(error, Unavailable)
        assert not error.is_login
        assert "first is down" in str(error)
        assert "second does not like us" in str(error)
        assert await scene.send() is not None
        scene.second.rules.clear()
        assert await scene.send() is None  # at once, though both rest

    run(body)


def test_field_5_10_refused_logins_everywhere_are_a_refused_login() -> None:
    async def body(scene: Scene) -> None:
        error = await scene.send()
        assert isinstance(error, Unavailable)
        assert error.is_login
        await scene.send()
        assert [len(one.sessions) for one in (scene.first, scene.second)] == [1, 1]

    wrong = {"ann": "another"}
    run(body, SmtpServer(users=wrong), SmtpServer(users=wrong))


def test_field_5_10_a_slow_relay_is_waited_for_where_no_other_is_there() -> None:
    async def body(scene: Scene) -> None:
        scene.first.on("connect", Say("220 at last", delay=LATE))
        scene.second.stop_listening()
        assert await scene.send() is None
        assert scene.accepted == (1, 0)

    run(body)


def test_a_ledger_that_is_away_is_no_relays_fault() -> None:
    async def body(scene: Scene) -> None:
        async def about_to_send(
            _concerned: Sequence[Recipient] | None = None, _message_id: str = "", /
        ) -> None:
            raise Unavailable("nothing is sent without the ledger") from LedgerUnavailable("away")

        error = await scene.send(about_to_send)
        assert str(error) == "nothing is sent without the ledger"
        assert scene.second.sessions == []
        assert await scene.send() is None
        assert scene.accepted == (1, 0)

    run(body)


def test_field_5_10_a_worker_sends_by_the_second_relay_and_doctor_names_each(
    tmp_path: Path,
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/welcome.jinja2").write_text("<p>Hello</p>")
    with in_thread(SmtpServer()) as second:
        settings = {
            "email_url": f"smtp://127.0.0.1:1,smtp://127.0.0.1:{second.port}",
            "email_from": "shop@example.com",
        }
        sending = ("send", "welcome", "--to", "ann@example.com", "--subject", "Hi")
        assert run_command(*sending, settings=settings, cwd=tmp_path).returncode == 0
        worker = run_command("worker", "--drain", settings=settings, cwd=tmp_path)
        found = run_command("doctor", "--json", settings=settings, cwd=tmp_path)

    assert worker.returncode == 0
    assert "relay is away, the next one is used" in worker.stderr
    assert second.deliveries == ["ann@example.com"]
    assert found.returncode == 69
    lines = [check for check in json.loads(found.stdout) if check["name"] == "email"]
    assert [check["state"] for check in lines] == ["failed", "ok"]
    assert "127.0.0.1:1" in lines[0]["detail"]
    assert f"127.0.0.1:{second.port}" in lines[1]["detail"]


def test_a_mail_given_up_at_the_last_moment_shows_that_the_relay_is_back() -> None:
    async def given_up(_recipients: Sequence[Recipient] | None = None, _id: str = "", /) -> None:
        raise AskAgain

    async def body(scene: Scene) -> None:
        scene.first.on("connect", Cut(), times=1)
        assert await scene.send() is None
        scene.time += 2.0
        with pytest.raises(AskAgain):
            await scene.send(given_up)
        assert await asyncio.gather(*(scene.send() for _ in range(5))) == [None] * 5
        assert scene.accepted == (5, 1)

    run(body)
