"""Workers with a list of suppressions: by the command, by hand, and by the queue for addresses; and
with quiet hours."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.suppression_desk import ANN, BOB, Desk, a_note


def test_who_is_listed_gets_nothing_until_the_dead_letter_s_way_back_is_taken(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    assert "is suppressed" in desk.command("suppress", "add", "Ann@Example.com", "--reason", "no")
    desk.publish(a_note([ANN, BOB], id="n-1"))

    desk.drain()

    assert desk.written_to == {BOB}
    (letter,) = desk.dead()
    assert (letter["id"], letter["reason"], letter["attempt"]) == ("n-1", "suppressed", 0)
    assert (
        "to send anyway: dispatcher suppress remove ADDRESS --channel email, then dispatcher failed"
        " retry ID; on the list since " in letter["error"]
    )
    (forecast,) = desk.command("failed", "retry", "--all", "--dry-run", "--json", code=1)
    assert forecast["fault"].startswith("suppressed: ")
    desk.command("suppress", "remove", ANN)
    desk.command("failed", "retry", "n-1", "--yes")
    desk.drain()
    assert desk.written_to == {ANN, BOB}
    assert desk.dead() == []


def test_a_file_that_is_edited_counts_while_the_worker_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with desk.worker() as worker:
        worker.wait_for("there is no file of suppressions; the list is empty")
        desk.list.write_text(f"# by hand\n{ANN} asked by phone\n")
        worker.wait_for("suppressions changed")
        desk.publish(a_note([ANN, BOB]))
        worker.wait_for("notification dead-lettered")
        desk.list.write_text("not an address\n")
        entry = worker.wait_for("the suppressions cannot be read; the last good list counts")
        assert f"{desk.list}: line 1: " in entry["error"]
        desk.publish(a_note([ANN, "cy@example.com"]))
        worker.wait_until(lambda: "cy@example.com" in desk.written_to)
        assert worker.terminate() == 0

    assert desk.written_to == {BOB, "cy@example.com"}
    assert {letter["reason"] for letter in desk.dead()} == {"suppressed"}


def test_a_broken_list_at_the_start_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.list.write_text(f"{ANN}\nann\nfax:1\n")

    said = desk.command("worker", "--drain", code=78)
    doctor = desk.command("doctor", code=78)

    for line in ("line 2: 'ann' is not an address", "line 3: unknown channel 'fax'"):
        assert f"DISPATCHER_SUPPRESSIONS: {desk.list}: {line}" in said
        assert line in " ".join(doctor.split())


def test_in_production_a_list_that_is_lost_stops_the_start_and_the_first_command_makes_one(
    tmp_path: Path,
) -> None:
    servers = {"broker_url": "amqp://127.0.0.1:1", "email_url": "smtp://127.0.0.1:1"}
    desk = Desk(tmp_path, env="production", **servers)
    for command in (("worker",), ("suppress", "list"), ("suppress", "remove", ANN)):
        said = desk.command(*command, code=78)
        assert f"DISPATCHER_SUPPRESSIONS: {desk.list} is missing; put it back" in said

    desk.command("suppress", "add", ANN, BOB)
    assert [one["address"] for one in desk.command("suppress", "list", "--json")] == [ANN, BOB]
    desk.command("suppress", "remove", "--all", "--yes")
    assert desk.command("suppress", "list", "--json") == []
    added = desk.list.with_name(f"{desk.list.name}.added")
    added.rename(added.with_name("backup"))
    said = desk.command("worker", code=78)
    assert f"DISPATCHER_SUPPRESSIONS: {added}: is missing, and {desk.list} holds no address" in said
    desk.list.write_text("")
    said = desk.command("worker", code=78)

    assert f"DISPATCHER_SUPPRESSIONS: {desk.list}: holds no address; put the list back" in said


def test_a_lost_file_of_what_was_added_is_named_at_the_start(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.list.write_text(f"{BOB}\n")
    lost = "there is no file of what was added to the suppressions; if it was lost, put it back"

    (entry,) = desk.drain().events(lost)

    assert entry["file"] == f"{desk.list}.added"
    desk.command("suppress", "add", ANN)
    assert desk.drain().events(lost) == []


def test_what_a_queue_has_added_stays_though_an_editor_saves_an_older_list(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.list.write_text(f"{BOB}\n")
    with desk.worker() as worker:
        desk.publish({"address": ANN, "reason": "550 gone"}, "email.suppress")
        worker.wait_for("address suppressed")
        desk.list.write_text(f"{BOB}\n# saved by an editor that was opened before\n")
        worker.wait_for("suppressions changed")
        desk.publish(a_note([ANN, BOB, "cy@example.com"]))
        worker.wait_for("notification dead-lettered")
        worker.wait_until(lambda: "cy@example.com" in desk.written_to)
        assert worker.terminate() == 0

    assert desk.written_to == {"cy@example.com"}


def test_the_demo_asks_no_list(tmp_path: Path) -> None:
    desk = Desk(tmp_path, suppressions="redis://127.0.0.1:1/0")
    del desk.settings["templates_dir"]
    (tmp_path / "templates").rename(tmp_path / "others")  # it brings its own

    assert "sent: " in desk.command("demo")


def test_an_address_that_is_published_is_on_the_list_once_its_message_is_acked(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    for _ in range(2):
        desk.publish({"address": "ANN@example.com", "reason": "550 gone"}, "email.suppress")
    desk.publish({"address": 42, "channel": "telegram"}, "email.suppress")
    desk.publish({"reason": "no address"}, "email.suppress")
    desk.publish(b"no json", "email.suppress")

    worker = desk.drain()

    listed = desk.command("suppress", "list", "--json")
    today = datetime.now(UTC).date().isoformat()
    assert listed[0] == {"channel": "email", "address": ANN, "reason": "550 gone", "date": today}
    assert [one["address"] for one in listed] == [ANN, "42"]
    assert len(worker.events("address suppressed")) == 2
    assert len(worker.events("address was suppressed before")) == 1
    assert ANN not in worker.output
    dead = desk.dead()
    assert {(one["queue"], one["reason"]) for one in dead} == {("email.suppress", "malformed")}
    assert sorted(one["error"] for one in dead)[0] == "address: is required"
    desk.command("failed", "remove", "--all", "--yes")
    desk.publish(a_note([ANN, BOB]))
    desk.drain()
    assert desk.written_to == {BOB}


def test_the_command_lists_by_channel_reason_age_and_address(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.list.write_text(f"{ANN} 2020-01-31 hard bounce\n{BOB} asked\ntelegram:42\n")

    def addresses(*options: str, code: int = 0) -> list[str]:
        found = desk.command("suppress", "list", *options, "--json", code=code)
        return [one["address"] for one in found]

    assert addresses() == [ANN, BOB, "42"]
    assert addresses("--channel", "telegram") == ["42"]
    assert addresses("--reason", "BOUNCE") == [ANN]
    assert addresses("--since", "2020-01-01") == [ANN]
    assert addresses("--since", "2d") == []
    assert addresses("Ann@example.com") == [ANN]
    assert addresses("cy@example.com", code=1) == []
    table = desk.command("suppress", "list")
    assert "hard bounce" in table
    assert "2020-01-31" in table


def test_the_command_s_exit_codes_say_what_was_done(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    desk.command("suppress", "add", ANN, BOB)
    assert "was suppressed before" in desk.command("suppress", "add", ANN)
    desk.command("suppress", "remove", ANN)
    assert "is not on the list" in desk.command("suppress", "remove", ANN, code=1)
    desk.command("suppress", "add", "ann", code=2)
    desk.command("suppress", "remove", "--all", code=2)
    desk.command("suppress", "remove", "--all", "--yes")
    assert desk.command("suppress", "list", "--json") == []
    desk.settings["suppressions"] = "redis://127.0.0.1:1/0"
    assert "suppressions redis://127.0.0.1:1/0" in desk.command("suppress", "list", code=69)
    assert "cannot be reached" in desk.command("doctor", code=69)
    del desk.settings["suppressions"]
    assert "DISPATCHER_SUPPRESSIONS: must be set" in desk.command("suppress", "list", code=78)


def test_a_fallback_goes_to_the_next_channel(tmp_path: Path) -> None:
    desk = Desk(tmp_path, channels="email,telegram")
    (tmp_path / "templates/both").mkdir()
    (tmp_path / "templates/both/text.jinja2").write_text("Hello")
    desk.list.write_text(f"{ANN}\n")
    to = {"email": ANN, "telegram": 42}
    desk.publish({"template": "both", "fallback": ["email", "telegram"], "to": to, "subject": "x"})

    desk.drain()

    assert desk.dead() == []
    assert any(path.is_file() for path in (tmp_path / "var/telegram").rglob("*"))


def test_in_quiet_hours_a_message_waits_for_their_end_and_costs_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "templates/night").mkdir()
    (tmp_path / "templates/night/text.jinja2").write_text("Hello")
    begin, end = (datetime.now(UTC) + timedelta(hours=h) for h in (-2, 2))
    quiet = f'[quiet]\nfrom = "{begin:%H:%M}"\nuntil = "{end:%H:%M}"\nurgent = 9\n'
    (tmp_path / "templates/night/template.toml").write_text(quiet)
    desk.publish(a_note(ANN, template="night", id="n-1"))
    desk.publish(a_note(BOB, template="night", id="n-2", priority=9))
    expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    desk.publish(a_note("cy@example.com", template="night", id="n-3", expires_at=expiry))

    worker = desk.drain()

    assert desk.written_to == {BOB}
    (waits,) = worker.events("notification deferred")
    assert 3600 < waits["retry_in_seconds"] <= 7200
    assert waits["error"].startswith("the quiet hours of template 'night' last until ")
    assert [(one["id"], one["reason"]) for one in desk.dead()] == [("n-3", "expired")]
    (status,) = [one for one in desk.command("status", "--json") if one["queue"] == "email"]
    assert sum(one["messages"] for one in status["waiting"]) == 1
