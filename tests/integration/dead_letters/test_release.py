"""Fix the template and it flows, on either broker, with the worker a process of its own."""

from mailbox import Maildir
from pathlib import Path

from tests.integration.conftest import MailHog
from tests.support.mailbox import Mailbox
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.worker import run_command, running, wait_until

RELEASED = "dead letter released: its template renders now"

REMEDY = "Remove it, or use a filter that there is."


def test_letters_that_a_new_template_mends_are_sent_and_the_others_stay(
    tmp_path: Path, broker: Broker, mailhog: MailHog, mailbox: Mailbox, queue: str
) -> None:
    settings = shop_settings(tmp_path, broker.url, mailhog.url, queue) | {"auto_release": "on"}
    dead = f"{queue}.dead"
    with running(tmp_path, settings) as worker, Peer(broker.url) as peer:
        worker.wait_for("consuming")
        peer.publish(
            queue,
            an_order(1, template="later"),
            an_order(2, parameters={}),
            an_order(3, template="never"),
            an_order(4, to="not an address"),
        )
        wait_until(lambda: peer.ready(dead) == 4, on_failure=lambda: worker.output)
        template = Path(settings["templates_dir"]) / "later.jinja2"
        template.write_text("Later, {{ name }}")
        wait_until(lambda: mailbox.count() == 1, on_failure=lambda: worker.output)
        told = worker.wait_for(RELEASED)
        (template.parent / "welcome.jinja2").write_text("Hello")
        wait_until(lambda: mailbox.count() == 2, on_failure=lambda: worker.output)
        wait_until(lambda: peer.ready(dead) == 2, on_failure=lambda: worker.output)
        assert worker.terminate() == 0

    assert sorted(mailbox.recipients()) == ["user1@example.com", "user2@example.com"]
    assert (told["id"], told["template"], told["reason"]) == ("id-1", "later", "template_missing")
    assert told["templates_version"]


def test_what_was_mended_while_no_worker_ran_flows_at_the_next_start(tmp_path: Path) -> None:
    settings = {"templates_dir": "templates"}
    templates = tmp_path / "templates"
    templates.mkdir()
    sent = ("send", "later", "--to=ann@example.com", "--from=shop@example.com")
    run_command(*sent, settings=settings, cwd=tmp_path)
    run_command("worker", "--drain", settings=settings, cwd=tmp_path)
    (templates / "later.jinja2").write_text("At last")

    off = settings | {"auto_release": "off"}
    with running(tmp_path, off | {"log_format": "json"}, "--time-limit=2") as idle:
        idle.process.wait(timeout=30)
    assert not (tmp_path / "var/mail").exists()

    with running(tmp_path, settings | {"log_format": "json"}) as worker:
        worker.wait_for(RELEASED)
        worker.wait_for("notification sent")

    [mail] = Maildir(str(tmp_path / "var/mail"), create=False)
    assert mail["To"] == "ann@example.com"


def test_field_3_8_a_template_broken_at_the_start_costs_only_its_own_messages_until_it_is_fixed(
    tmp_path: Path,
) -> None:
    settings = {"templates_dir": "templates", "log_format": "json"}
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "good.jinja2").write_text("Good")
    (templates / "bad.jinja2").write_text("\n{{ name|nope }}")
    for name in ("good", "bad"):
        sent = ("send", name, f"--to={name}@example.com", "--from=shop@example.com")
        run_command(*sent, settings=settings, cwd=tmp_path)

    with running(tmp_path, settings) as worker:
        dead = worker.wait_for("notification dead-lettered")
        worker.wait_for("notification sent")
        [broken] = worker.events(
            "a template is broken; its messages are dead-lettered until it is fixed"
        )
        fixed = templates / "bad.fixed"
        fixed.write_text("Fixed")
        fixed.rename(templates / "bad.jinja2")
        worker.wait_for(RELEASED)
        wait_until(lambda: len(worker.events("notification sent")) == 2)

    assert broken["fault"] == f"bad.jinja2 line 2: No filter named 'nope'. {REMEDY}"
    assert "bad.jinja2 line 2" in str(dead)
    mails = Maildir(str(tmp_path / "var/mail"), create=False)
    assert sorted(mail["To"] for mail in mails) == ["bad@example.com", "good@example.com"]


def test_field_3_8_a_set_of_which_nothing_compiles_ends_the_start_naming_each_fault(
    tmp_path: Path,
) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "a.jinja2").write_text("{{ name|nope }}")
    (templates / "b.jinja2").write_text("")

    ended = run_command("worker", "--drain", settings={"templates_dir": "templates"}, cwd=tmp_path)

    assert ended.returncode == 78
    assert ended.stderr.splitlines()[-2:] == [
        f"DISPATCHER_TEMPLATES_DIR: a.jinja2 line 1: No filter named 'nope'. {REMEDY}",
        "DISPATCHER_TEMPLATES_DIR: b.jinja2: is empty; write what people read, or remove the file",
    ]


def test_field_3_4_a_dry_run_lists_the_nulls_that_would_be_printed(tmp_path: Path) -> None:
    settings = {"templates_dir": "templates"}
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "t.jinja2").write_text("Dear {{ name }}")
    null = ("--from=shop@example.com", '--data={"name": null}')
    run_command("send", "t", "--to=ann@example.com", *null, settings=settings, cwd=tmp_path)
    run_command("worker", "--drain", settings=settings, cwd=tmp_path)

    strict, lenient = [
        run_command(
            "failed", "retry", "--dry-run", settings=settings | {"templates_undefined": mode},
            cwd=tmp_path,
        )
        for mode in ("strict", "lenient")
    ]  # fmt: skip

    assert "'name' is null" in " ".join(strict.stdout.split())
    assert "0 would pass, 1 would fail" in strict.stderr
    assert "1 would pass, 0 would fail" in lenient.stderr


def test_field_3_9_lint_names_misnamed_files_and_channels_and_list_shows_the_rest(
    tmp_path: Path,
) -> None:
    settings = {"templates_dir": "templates"}
    templates = tmp_path / "templates"
    (templates / "order").mkdir(parents=True)
    (templates / "good.jinja2").write_text("Good")
    (templates / "order/text.jinja2").write_text("x")
    (templates / "order/htlm.jinja2").write_text("x")
    (templates / "order/template.toml").write_text('channels = ["slak"]')

    lint = run_command("templates", "lint", settings=settings, cwd=tmp_path)
    listed = run_command("templates", "list", settings=settings, cwd=tmp_path)
    schema = run_command("templates", "schema", "order", settings=settings, cwd=tmp_path)

    unknown_channel = "channels: 'slak' is no channel; did you mean 'slack'?"
    assert lint.returncode == 1
    assert f"order/template.toml:1: error: {unknown_channel}" in lint.stdout
    assert "order/htlm.jinja2:1: error: unknown file, did you mean 'html.jinja2'?" in lint.stdout
    assert "good" in listed.stdout
    assert listed.stderr.splitlines() == [f"broken: order/template.toml line 1: {unknown_channel}"]
    assert (schema.returncode, unknown_channel in schema.stderr) == (1, True)
