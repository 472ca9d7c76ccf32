"""`dispatcher doctor` against peers that answer, refuse, and are away."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_server import Answer, Hang, HttpServer
from tests.support.rabbit import Broker, Peer
from tests.support.redis_server import RedisServer
from tests.support.smtp_server import Cut, Say, SmtpServer
from tests.support.smtp_server import Hang as Silence
from tests.support.threads import in_thread
from tests.support.worker import run_command

NOBODY = "127.0.0.1:1"
ME = Answer(body={"ok": True, "result": {"id": 1, "is_bot": True, "username": "shop_bot"}})
WORKSPACE = Answer(body={"ok": True, "user": "shop", "team": "Shop Ltd"})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    (folder / "welcome.examples").mkdir(parents=True)
    (folder / "welcome.jinja2").write_text("<p>Hello {{ name }}</p>")
    example = {"subject": "Hi", "to": "ann@example.com", "parameters": {"name": "Ann"}}
    (folder / "welcome.examples/first.json").write_text(json.dumps(example))
    return tmp_path


def doctor(home: Path, **settings: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and the first state and detail of each check."""
    done = run_command("doctor", "--json", settings=settings, cwd=home)
    assert done.stderr == ""
    checks: list[dict[str, Any]] = json.loads(done.stdout)
    return done.returncode, {c["name"]: (c["state"], c["detail"]) for c in reversed(checks)}


def test_a_newcomer_is_well_and_nothing_is_made(home: Path) -> None:
    before = sorted(home.rglob("*"))

    done = run_command("doctor", settings={}, cwd=home)

    assert done.returncode == 0, done.stdout
    assert sorted(home.rglob("*")) == before
    lines = done.stdout.splitlines()
    assert all(line.split()[0] in ("ok", "warning") for line in lines)
    assert any(line.startswith("warning  settings: no broker is configured") for line in lines)
    assert any(line.startswith("ok       templates: ") for line in lines)


def test_every_fault_of_the_settings_is_a_line_and_the_code_is_78(home: Path) -> None:
    settings = {"email_pool": "none", "lease": "soon"}

    done = run_command("doctor", settings=settings, cwd=home)

    assert done.returncode == 78
    assert [line.split(": ")[:2] for line in done.stdout.splitlines()] == [
        ["failed   settings", "DISPATCHER_EMAIL_POOL"],
        ["failed   settings", "DISPATCHER_LEASE"],
    ]


def test_a_worker_that_would_not_start_is_told_beside_what_is_away(home: Path) -> None:
    code, checks = doctor(home, broker_url=f"amqp://{NOBODY}/")

    assert code == 78
    assert checks["broker"][0] == "failed"
    assert "DISPATCHER_EMAIL_URL" in checks["settings"][1]


@pytest.mark.parametrize("text", ["{{ broken", "{{ unknown_name }}"])
def test_templates_that_do_not_compile_or_render_are_78(home: Path, text: str) -> None:
    (home / "templates/welcome.jinja2").write_text(text)

    code, checks = doctor(home)

    assert code == 78
    assert checks["templates"][0] == "failed"
    assert "welcome.jinja2" in checks["templates"][1]


def test_whoever_is_away_is_69_and_no_secret_is_told(home: Path) -> None:
    settings = {
        "broker_url": f"amqp://user:sentinel@{NOBODY}/",
        "email_url": f"smtp://user:sentinel@{NOBODY}",
        "telegram_token": "1:sentinel",
        "telegram_api_url": f"http://{NOBODY}",
        "slack_token": "xoxb-sentinel",
        "slack_api_url": f"http://{NOBODY}/api/",
        "ledger_url": f"redis://:sentinel@{NOBODY}/0",
    }

    code, checks = doctor(home, **settings)
    words = run_command("doctor", settings=settings, cwd=home)

    assert code == 69
    failed = [name for name, (state, _) in checks.items() if state == "failed"]
    assert failed == ["slack", "telegram", "email", "ledger", "broker"]
    assert "sentinel" not in words.stdout + words.stderr + str(checks)


def test_a_relay_is_greeted_and_signed_in_to_and_gets_no_mail(home: Path) -> None:
    with in_thread(SmtpServer(users={"shop": "secret"})) as relay:
        right = doctor(home, email_url=f"smtp://shop:secret@127.0.0.1:{relay.port}")
        wrong = doctor(home, email_url=f"smtp://shop:sentinel@127.0.0.1:{relay.port}")

        assert right[0] == 0
        assert right[1]["email"] == ("ok", f"127.0.0.1:{relay.port} lets us in")
        assert wrong[0] == 69
        assert wrong[1]["email"][0] == "failed"
        assert "sentinel" not in wrong[1]["email"][1]
        commands = [c for c in relay.sessions[0].commands if not c.startswith("AUTH")]
        assert commands[1:] == ["MAIL FROM:<>", "RSET", "QUIT"]


@pytest.mark.parametrize(
    ("reply", "sender", "code", "state", "words"),
    [
        ("530 5.7.0 Authentication required", None, 69, "failed", "set the user name"),
        ("530 5.7.0 Must issue a STARTTLS command first", None, 69, "failed", "smtp+starttls://"),
        ("553 5.7.1 not owned by user", "Shop <shop@example.com>", 69, "failed", "not owned by"),
        ("550 5.7.1 no empty senders here", None, 0, "warning", "no empty senders here"),
        ("451 4.3.0 try again later", "shop@example.com", 0, "warning", "451 4.3.0"),
    ],
)
def test_field_5_14_a_relay_that_refuses_our_sender_does_not_look_healthy(
    home: Path, reply: str, sender: str | None, code: int, state: str, words: str
) -> None:
    server = SmtpServer()
    server.on("mail", Say(reply))
    with in_thread(server) as relay:
        settings = {"email_url": f"smtp://127.0.0.1:{relay.port}"}
        settings |= {"email_from": sender} if sender else {}
        found, checks = doctor(home, **settings)

    assert found == code
    assert checks["email"][0] == state
    assert words in checks["email"][1]
    envelope = f"MAIL FROM:<{'shop@example.com' if sender else ''}>"
    assert envelope in relay.sessions[0].commands
    assert not [c for c in relay.sessions[0].commands if c.startswith(("RCPT", "DATA"))]


def test_field_5_14_a_relay_that_leaves_at_mail_does_not_look_healthy(home: Path) -> None:
    server = SmtpServer()
    server.on("mail", Cut("421 4.3.2 closing"))
    with in_thread(server) as relay:
        code, checks = doctor(home, email_url=f"smtp://127.0.0.1:{relay.port}")

    assert code == 69
    assert "421 4.3.2 closing" in checks["email"][1]


def test_telegram_and_slack_are_asked_who_we_are_and_nothing_else(home: Path) -> None:
    with in_thread(HttpServer(default=Answer(404))) as api:
        api.on(ME, path="/bot1:x/getMe")
        api.on(WORKSPACE, path="/api/auth.test")
        code, checks = doctor(
            home,
            telegram_token="1:x",
            telegram_api_url=api.url,
            slack_token="xoxb-1",
            slack_api_url=f"{api.url}/api/",
        )

        assert code == 0
        assert checks["telegram"] == ("ok", "we are @shop_bot")
        assert checks["slack"] == ("ok", "we are shop in Shop Ltd")
        assert sorted(r.path for r in api.requests) == ["/api/auth.test", "/bot1:x/getMe"]


def test_a_refused_token_and_a_silent_provider_are_69(home: Path) -> None:
    with in_thread(HttpServer(default=Hang())) as api:
        refused = {"ok": False, "error_code": 401, "description": "Unauthorized"}
        api.on(Answer(401, refused), path="/bot1:x/getMe")
        code, checks = doctor(
            home,
            telegram_token="1:x",
            telegram_api_url=api.url,
            slack_token="xoxb-1",
            slack_api_url=f"{api.url}/api/",
        )

    assert code == 69
    assert checks["telegram"] == ("failed", "telegram: Unauthorized (is the bot's token right?)")
    assert checks["slack"] == ("failed", "no answer within 12 s")


def test_a_clock_that_is_off_is_told(home: Path) -> None:
    date = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    with in_thread(HttpServer()) as api:
        api.on(Answer(body=ME.body, headers={"Date": date}))
        code, checks = doctor(home, telegram_token="1:x", telegram_api_url=api.url)

    state, detail = checks["clock"]
    assert (code, state) == (0, "warning")
    assert detail.endswith(" s ahead of Telegram's")


def test_a_ledger_of_another_program_is_69(home: Path) -> None:
    (home / "ledger.db").write_bytes(b"this is no database, and long enough to be seen as none" * 9)

    code, checks = doctor(home, ledger_url="sqlite:///ledger.db")

    assert code == 69
    assert "no SQLite database" in checks["ledger"][1]


@pytest.mark.slow
def test_field_5_8_a_relay_that_never_greets_is_given_up_after_thirty_seconds_with_a_hint(
    home: Path,
) -> None:
    with in_thread(SmtpServer()) as relay:
        relay.on("connect", Silence())
        began = time.monotonic()
        code, checks = doctor(home, email_url=f"smtp://127.0.0.1:{relay.port}")
        took = time.monotonic() - began

    assert code == 69
    assert took < 40
    assert f"127.0.0.1:{relay.port}: no greeting within 30 s" in checks["email"][1]
    assert "smtps://" in checks["email"][1]


def test_a_ledger_in_memory_is_named_as_one_that_forgets(home: Path) -> None:
    _, checks = doctor(home, ledger_url="memory:")

    assert "ends with the worker" in checks["ledger"][1]


def test_a_redis_ledger_is_asked_for_a_write_that_leaves_nothing(
    home: Path, own_redis: RedisServer
) -> None:
    code, checks = doctor(home, ledger_url=own_redis.url)

    assert code == 0
    assert checks["ledger"][0] == "ok"


def test_a_broker_is_looked_at_and_left_as_it_is(home: Path, broker: Broker, queue: str) -> None:
    settings = {
        "broker_url": broker.url,
        "queues": f"email={queue}",
        "email_url": "maildir:mail",
        "email_from": "shop@example.com",
    }

    absent = doctor(home, **settings)
    with Peer(broker.url) as peer:
        made = peer.ready(queue) is not None
        run_command("topology", "apply", settings=settings, cwd=home)
        peer.publish(queue, b"{}")
    present = doctor(home, **settings)
    refused = doctor(home, **{**settings, "broker_url": broker.with_(user="nobody")})

    assert (absent[0], absent[1][f"queue {queue}"]) == (0, ("warning", "is absent"))
    assert not made
    assert present[1][f"queue {queue}"] == ("warning", "1 ready, and no worker consumes it")
    assert present[1]["broker"][0] == "ok"
    assert refused[0] == 69
    assert "refuses the login" in refused[1]["broker"][1]


@pytest.mark.parametrize("command", [("doctor",), ("worker", "--drain"), ("config", "show")])
def test_field_7_6_a_socks_proxy_without_its_library_is_one_clear_fault(
    home: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")

    done = run_command(*command, settings={"telegram_token": "1:x"}, cwd=home)

    told = done.stdout + done.stderr
    assert done.returncode == 78
    assert "ALL_PROXY: a SOCKS proxy needs the Python package socksio" in told
    assert "Traceback" not in told
