"""`dispatcher failed retry --dry-run` and then the worker: both say the same."""

import json

from tests.support.dead_letters import Office
from tests.support.worker import run_command


def test_field_8_9_a_dry_run_judges_as_the_worker_would(office: Office) -> None:
    office.template("note")
    office.bury([office.line("sent")])
    office.failed("retry", "--all", "--yes")
    office.sent()
    to = ["ann@example.com", "bob at example.com"]
    letters = [
        office.line("good", template="note"),
        office.line("address", to="nobody", reason="recipient_invalid"),
        office.line("partly", to=to),
        office.line("sent", subject="Another body", reason="conflict"),
        office.line("pigeon", channel="pigeon", reason="channel_unknown"),
        office.line("file", attachments=[{"filename": "a", "path": "absent.pdf"}]),
        office.line("alike"),
    ]
    office.bury(letters)

    rehearsed = office.failed("retry", "--dry-run", "--all", "--json")
    again = office.failed("retry", "--dry-run", "--again", "sent", "--json")
    office.failed("retry", "--all", "--yes")
    office.sent()

    verdicts = {one["id"]: one for one in json.loads(rehearsed.stdout)}
    reasons = {i: (one["fault"] or "").partition(":")[0] for i, one in verdicts.items()}
    assert reasons == {
        "good": "",
        "address": "recipient_invalid",
        "partly": "recipient_invalid",
        "sent": "conflict",
        "pigeon": "channel_unknown",
        "file": "content_refused",
        "alike": "",
    }
    assert (verdicts["partly"]["would_send_to"], verdicts["partly"]["would_refuse"]) == (1, 1)
    assert json.loads(again.stdout)[0]["would_pass"] is True
    dead = {letter["id"]: letter["reason"] for letter in office.listed()}
    assert dead == {i: reason for i, reason in reasons.items() if reason}


def test_field_8_9_a_dry_run_judges_by_the_recipient_guard_and_creates_nothing(
    office: Office,
) -> None:
    office.bury([office.line("ann"), office.line("bob")])
    before = sorted(path.name for path in office.home.rglob("*"))
    settings = {**office.settings, "only_to": "ann@*"}

    rehearsed = run_command(
        "failed", "retry", "--dry-run", "--all", "--json", settings=settings, cwd=office.home
    )

    ann, bob = json.loads(rehearsed.stdout)
    assert (ann["would_pass"], bob["fault"].partition(":")[0]) == (True, "guarded")
    assert sorted(path.name for path in office.home.rglob("*")) == before
