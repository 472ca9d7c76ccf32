"""Many dead letters on each broker: quick to list, exact to replay, and none is ever lost."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.dead_letters import Office, press_ctrl_c
from tests.support.worker import wait_until

CAUSES = [
    ("template_missing", "there is no template 'welcome'"),
    ("template_undefined", "'name' is undefined"),
    ("recipient_refused", "550 5.1.1 <user{}@example.com>: no such user"),
    ("retries_exhausted", "451 4.3.0 try again in {} seconds"),
]


@pytest.fixture(params=["sqlite", "rabbitmq", "rabbitmq_old"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Office:
    if request.param == "sqlite":
        office = Office(tmp_path, "email")
    else:
        queue = request.getfixturevalue("queue")
        office = Office(tmp_path, queue, request.getfixturevalue(request.param).url)
    office.template("welcome")
    return office


def bury(office: Office, count: int) -> dict[str, list[str]]:
    """Letters of the four causes in turn; cause -> ids, in order."""
    ids: dict[str, list[str]] = {reason: [] for reason, _ in CAUSES}
    lines = []
    for number in range(count):
        reason, error = CAUSES[number % len(CAUSES)]
        ids[reason].append(f"m{number}")
        lines.append(office.line(f"m{number}", reason=reason, error=error.format(number)))
    office.bury(lines)
    return ids


def accounted_for(office: Office) -> Counter[str]:
    """How often each id was sent or is dead, once a worker has sent what waits."""
    return Counter([id_ for id_, _ in office.sent()] + office.dead())


def test_a_thousand_letters_are_listed_and_one_cause_is_replayed(office: Office) -> None:
    ids = bury(office, 1_000)
    everybody = [f"m{number}" for number in range(1_000)]
    before = office.listed()

    started = time.monotonic()
    listed = office.failed("list")
    took = time.monotonic() - started
    replayed = office.failed("retry", "--reason=template_missing", "--yes")

    rows = [line for line in listed.stdout.splitlines()[2:] if not line.startswith(" ")]
    assert [row.split()[0] for row in rows] == ["250"] * 4
    # Two seconds on an idle machine, with the start of the program; this one may be busy.
    assert took < 30
    assert [letter["id"] for letter in before] == everybody
    assert sorted(replayed.stdout.split()) == sorted(ids["template_missing"])
    assert office.waiting() == 250
    replay = set(ids["template_missing"])
    assert office.listed() == [letter for letter in before if letter["id"] not in replay]


def test_a_replay_that_is_killed_half_way_loses_no_letter(office: Office) -> None:
    ids = [id_ for group in bury(office, 300).values() for id_ in group]

    process = office.start("retry", "--all", "--yes", "--rate=100")
    wait_until(lambda: office.waiting() >= 40)
    process.kill()
    process.communicate(timeout=30)

    wait_until(lambda: len(office.dead()) + office.waiting() >= 300)
    found = accounted_for(office)
    assert found.keys() == set(ids)
    # At this rate one is in hand at a time, and a busy machine makes up for what was late.
    assert sum(found.values()) <= 310


def test_ctrl_c_stops_after_the_letter_in_hand_and_keeps_the_rest_in_order(
    office: Office,
) -> None:
    ids = bury(office, 40)["template_missing"]

    process = office.start("retry", "--reason=template_missing", "--yes", "--rate=2")
    wait_until(lambda: office.waiting() >= 2)
    output, words = press_ctrl_c(process)

    assert process.returncode == 130, words
    moved = output.split()
    assert 2 <= len(moved) < len(ids)
    assert moved == ids[: len(moved)]
    assert f"{len(moved)} moved back to the queue, {len(ids) - len(moved)} not" in words
    assert office.waiting() == len(moved)
    gone = set(moved)
    assert office.dead() == [f"m{n}" for n in range(40) if f"m{n}" not in gone]


def test_a_replay_keeps_its_rate_and_shows_how_far_it_is(office: Office) -> None:
    bury(office, 12)
    started = time.monotonic()

    replayed = office.failed("retry", "--all", "--yes", "--rate=5")

    assert replayed.returncode == 0
    assert time.monotonic() - started > 11 / 5
    assert "12 moved back to the queue" in replayed.stderr
    assert office.waiting() == 12
