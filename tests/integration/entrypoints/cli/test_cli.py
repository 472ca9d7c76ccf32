"""The commands as a newcomer runs them: no broker, no mail server, only what is in the package."""

import json
import re
import shlex
import signal
from mailbox import Maildir
from pathlib import Path

import pytest

from tests.support.worker import ROOT, run_command, running, wait_until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "templates").symlink_to(ROOT / "templates")
    return tmp_path


def writable_templates(folder: Path) -> Path:
    templates = folder / "own-templates"
    templates.mkdir()
    (templates / "welcome.jinja2").write_text("<p>Hello {{ name }}</p>")
    return templates


def test_the_demo_shows_every_channel_of_the_shipped_templates(home: Path) -> None:
    demo = run_command("demo", settings={}, cwd=home)

    assert demo.returncode == 0, demo.stderr
    for channel, start in (("mail/new", "Return-Path: "), ("telegram", "To: "), ("slack", "To: ")):
        files = list((home / "var/demo" / channel).iterdir())
        assert len(files) == demo.stdout.count(f"sent: var/demo/{channel}/") > 0
        assert all(file.read_text().startswith(start) for file in files)


def test_the_demo_sends_eight_of_ten_and_its_own_advice_mends_the_ninth(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    for name in ("one", "two"):
        (templates / f"{name}.jinja2").write_text("<p>Hello {{ name }}</p>")
        (templates / f"{name}.examples").mkdir()
        example = {"subject": "Hi", "to": "ann@example.com", "parameters": {"name": "Ann"}}
        (templates / f"{name}.examples" / "first.json").write_text(json.dumps(example))

    demo = run_command("demo", settings={}, cwd=tmp_path)

    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.count("sent: var/demo/mail/new/") == 8
    assert "template_missing" in demo.stdout
    assert "malformed: to: is required" in demo.stdout
    mailbox = Maildir(str(tmp_path / "var/demo/mail"), create=False)
    assert len(mailbox) == 8

    settings = {"home": "var/demo"}
    advice = [line.strip() for line in demo.stdout.splitlines() if line.startswith("  ")]
    shell = next(line for line in advice if line.startswith("echo "))
    [(text, file)] = re.findall(r"^echo '(.*)' > (.*)$", shell)
    (tmp_path / file).write_text(text)
    for line in advice:
        if " failed " in line or " worker " in line:
            words = shlex.split(line)
            command = words[words.index("failed" if "failed" in words else "worker") :]
            done = run_command(*command, settings=settings, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
    assert len(mailbox) == 9
    left = run_command("failed", "list", "--json", settings=settings, cwd=tmp_path)
    assert json.loads(left.stdout) == []


def test_send_prints_the_id_and_the_worker_delivers_it(home: Path) -> None:
    sent = run_command(
        "send",
        "welcome",
        "--to=Ann <ann@example.com>",
        "--from=shop@example.com",
        "--subject=Hi",
        "--id=order-1",
        '--data={"name": "Ann"}',
        settings={"templates_dir": str(writable_templates(home))},
        cwd=home,
    )
    worked = run_command("worker", "--drain", settings={"templates_dir": "own-templates"}, cwd=home)

    assert sent.stdout == "order-1\n"
    assert worked.returncode == 0, worked.stderr
    [mail] = Maildir(str(home / "var/mail"), create=False)
    assert (mail["Subject"], mail["To"]) == ("Hi", "Ann <ann@example.com>")


def test_a_message_that_would_be_refused_is_told_before_it_is_sent(home: Path) -> None:
    refused = run_command("send", "../x", "--to=ann@example.com", settings={}, cwd=home)

    assert refused.returncode == 2
    assert "template" in refused.stderr


def test_fakes_come_from_the_shipped_examples_and_all_arrive(home: Path) -> None:
    sent = run_command(
        "send", "welcome", "--fake=25", "--from=shop@example.com", settings={}, cwd=home
    )
    worked = run_command("worker", "--drain", settings={}, cwd=home)

    assert len(set(sent.stdout.split())) == 25, sent.stderr
    assert worked.returncode == 0, worked.stderr
    assert len(Maildir(str(home / "var/mail"), create=False)) == 25


def test_a_delayed_message_does_not_hold_drain_and_comes_later(home: Path) -> None:
    settings = {"templates_dir": str(writable_templates(home))}
    data = '--data={"name": "Ann"}'
    sender = "--from=shop@example.com"
    run_command(
        "send",
        "welcome",
        "--to=a@example.com",
        sender,
        data,
        "--delay=20",
        settings=settings,
        cwd=home,
    )

    worked = run_command("worker", "--drain", settings=settings, cwd=home)

    assert worked.returncode == 0
    assert not (home / "var/mail").exists()


def test_shipped_templates_list_lint_and_render(home: Path) -> None:
    listed = run_command("templates", "list", "--json", settings={}, cwd=home)
    linted = run_command("templates", "lint", "--strict", settings={}, cwd=home)
    rendered = run_command("templates", "render", "welcome", settings={}, cwd=home)
    unknown = run_command("templates", "render", "nowhere", settings={}, cwd=home)

    assert {"welcome", "order-confirmation"} <= {one["name"] for one in json.loads(listed.stdout)}
    assert (linted.returncode, linted.stdout) == (0, "")
    assert rendered.returncode == 0
    assert "--- html ---" in rendered.stdout
    assert unknown.returncode == 1
    assert "nowhere" in unknown.stderr


def test_config_show_masks_secrets_and_names_origins(home: Path) -> None:
    settings = {"broker_url": "amqp://user:hunter2@localhost/", "slack_token": "xoxb-hunter2"}

    shown = run_command("config", "show", "--json", settings=settings, cwd=home)

    rows = {row["variable"]: row for row in json.loads(shown.stdout)}
    assert "hunter2" not in shown.stdout
    assert rows["DISPATCHER_BROKER_URL"]["origin"] == "DISPATCHER_BROKER_URL"
    assert rows["DISPATCHER_GRACE"]["value"] == "30s"


@pytest.mark.parametrize(("settings", "shown"), [({"prefetch": "7"}, "7"), ({}, "80")])
def test_config_show_prints_how_many_messages_are_fetched(
    settings: dict[str, str], shown: str, home: Path
) -> None:
    answer = run_command("config", "show", "--json", settings=settings, cwd=home)

    rows = {row["variable"]: row["value"] for row in json.loads(answer.stdout)}
    assert rows["DISPATCHER_PREFETCH"] == shown


def test_config_show_tells_only_the_hosts_of_urls_that_may_hold_a_secret(home: Path) -> None:
    settings = {
        "telegram_api_url": "https://user:hunter2@bots.example.org:81/hunter2",
        "alerts_to": "webhook:https://alerts.example.org/hunter2?key=hunter2,slack:#ops",
        "redirect_to": "webhook:http://127.0.0.1:82/hunter2,telegram:-100",
    }

    shown = run_command("config", "show", "--json", settings=settings, cwd=home)

    rows = {row["variable"]: row["value"] for row in json.loads(shown.stdout)}
    assert "hunter2" not in shown.stdout
    assert rows["DISPATCHER_TELEGRAM_API_URL"] == "https://bots.example.org:81"
    assert rows["DISPATCHER_ALERTS_TO"] == "webhook:https://alerts.example.org,slack:#ops"
    assert rows["DISPATCHER_REDIRECT_TO"] == "webhook:http://127.0.0.1:82,telegram:-100"


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "words"),
    [
        (["worker"], {"broker_url": "amqp://localhost:1"}, 78, "DISPATCHER_EMAIL_URL"),
        (["worker", "--channels=webgui"], {}, 78, "another program"),
        (["worker"], {"queues": "email=webgui"}, 78, "DISPATCHER_QUEUES"),
        (["worker"], {"templates_dir": "nowhere"}, 78, "nowhere"),
        (["worker"], {"env": "production"}, 78, "DISPATCHER_BROKER_URL"),
        (["worker"], {"brocker_url": "x"}, 78, "DISPATCHER_BROKER_URL"),
        (["worker", "--nonsense"], {}, 2, "--nonsense"),
        (["nonsense"], {}, 2, "nonsense"),
        (["failed", "retry"], {}, 2, "--all"),
        (["failed", "remove", "--all"], {}, 0, "no dead letter"),
        (["failed", "list"], {"broker_url": "amqp://localhost:1"}, 69, "localhost"),
        (["send", "x", "--to=a@b.example"], {"broker_url": "amqp://localhost:1"}, 69, "localhost"),
        (["send", "x", "--to=a@b.example", "--channel=webgui"], {}, 78, "another program"),
        (["topology", "check"], {"broker_url": "amqp://localhost:1"}, 69, "localhost"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_each_refusal_is_one_line_with_the_right_exit_code(
    home: Path, arguments: list[str], settings: dict[str, str], code: int, words: str
) -> None:
    result = run_command(*arguments, settings=settings, cwd=home)

    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_template_set_of_which_nothing_compiles_is_78_naming_each_fault(home: Path) -> None:
    templates = writable_templates(home)
    (templates / "welcome.jinja2").write_text("")
    (templates / "a.jinja2").write_text("{{ broken")
    (templates / "b.jinja2").write_text("{% if %}")

    result = run_command("worker", settings={"templates_dir": str(templates)}, cwd=home)

    assert result.returncode == 78
    assert "a.jinja2" in result.stderr
    assert "b.jinja2" in result.stderr


def test_limits_end_a_worker_with_0(home: Path) -> None:
    run_command("send", "welcome", "--fake=5", "--from=a@example.com", settings={}, cwd=home)

    counted = run_command("worker", "--limit=2", settings={}, cwd=home)
    timed = run_command("worker", "--time-limit=0.1", "--channels=email", settings={}, cwd=home)

    assert (counted.returncode, timed.returncode) == (0, 0), counted.stderr + timed.stderr
    assert len(Maildir(str(home / "var/mail"), create=False)) >= 2


def test_several_processes_share_the_queue_and_end_together(home: Path) -> None:
    run_command("send", "welcome", "--fake=60", "--from=a@example.com", settings={}, cwd=home)
    mails = home / "var/mail/new"

    with running(home, {"log_format": "json"}, "--processes", "2") as parent:
        wait_until(
            lambda: mails.exists() and len(list(mails.iterdir())) == 60,
            on_failure=lambda: parent.output,
        )
        wait_until(lambda: len(parent.events("worker starting")) == 2)
        parent.process.send_signal(signal.SIGTERM)
        assert parent.process.wait(timeout=30) == 0

    assert len(list(mails.iterdir())) == 60


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_a_time_limit_that_is_none_is_a_usage_error(seconds: str, home: Path) -> None:
    refused = run_command("worker", f"--time-limit={seconds}", settings={}, cwd=home)

    assert refused.returncode == 2
    assert "--time-limit" in refused.stderr


@pytest.mark.parametrize("channel", ["telegram", "slack"])
def test_field_8_2_fakes_reach_every_channel_of_a_template(channel: str, home: Path) -> None:
    sent = run_command(
        "send", "password-reset", "--fake=5", f"--channel={channel}", settings={}, cwd=home
    )
    worked = run_command("worker", "--drain", settings={}, cwd=home)

    assert len(set(sent.stdout.split())) == 5, sent.stderr
    assert worked.returncode == 0, worked.stderr
    assert len(list((home / "var" / channel).iterdir())) == 5


def test_field_8_2_a_chat_s_number_is_sent_and_a_wrong_address_refused(home: Path) -> None:
    data = '--data={"to": 123456789, "parameters": {"name": "Ann", "link": "x"}}'
    chat = run_command("send", "welcome", "--channel=telegram", data, settings={}, cwd=home)
    wrong = run_command("send", "welcome", "--to=nonsense", settings={}, cwd=home)
    several = run_command("send", "welcome", "--to=a@x.example,b@x.example", settings={}, cwd=home)

    assert (chat.returncode, len(chat.stdout.split())) == (0, 1), chat.stderr
    assert (wrong.returncode, several.returncode) == (2, 2)
    assert "'nonsense' is not an address" in wrong.stderr
    assert "give a list" in " ".join(several.stderr.split())
