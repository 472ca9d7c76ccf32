"""DISPATCHER_SUPPRESSIONS: which value it takes, and which queues come with it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from adapters.secret import Secret
from adapters.suppressions.lines import EMPTY
from domain.suppressions import Suppression, SuppressionsUnavailable
from entrypoints.cli.about import value_of
from entrypoints.cli.app import UNAVAILABLE, explained
from entrypoints.cli.suppress import command
from entrypoints.settings import SettingsInvalid
from entrypoints.suppressing import is_canonical, suppression_store
from tests.unit.entrypoints.loading import RABBIT, faults, load

EMAIL = {**RABBIT, "DISPATCHER_EMAIL_URL": "smtp://relay.example.org"}


def test_without_it_there_is_no_queue_for_addresses() -> None:
    settings = load(EMAIL)

    assert settings.suppress_queues == {}
    assert settings.consumed_queues == settings.managed_queues == ("email",)
    assert not any("suppress" in queue for queue in settings.queue_channels)


def test_with_it_there_is_one_next_to_each_queue_that_is_consumed(tmp_path: Path) -> None:
    settings = load({**EMAIL, "DISPATCHER_SUPPRESSIONS": str(tmp_path / "list")})

    assert settings.consumed_queues == settings.managed_queues == ("email", "email.suppress")
    assert settings.active_queues == {"email": "email"}
    assert settings.queue_channels["slack.suppress"] == "slack"


def test_an_operator_s_machine_looks_after_all_of_them(tmp_path: Path) -> None:
    settings = load({**RABBIT, "DISPATCHER_SUPPRESSIONS": str(tmp_path / "list")})

    queues = ("email", "telegram", "slack")
    assert settings.managed_queues == (*queues, *(f"{queue}.suppress" for queue in queues))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("absent/list.txt", "the folder absent does not exist; create it"),
        (".", "is a folder; name a file in it"),
        ("http://h/", "must be the path of a file, or begin with redis://"),
        ("sqlite:///x", "must be the path of a file, or begin with redis://"),
        ("redis+cluster://h", "a Redis Cluster cannot hold the suppressions"),
        ("redis://u:s3cret@h:port/", "percent-encode"),
        ("redis://:s3cret@h/?colour=red", "unknown option"),
    ],
)
def test_a_value_that_cannot_hold_a_list_is_refused(value: str, words: str) -> None:
    [fault] = faults({**EMAIL, "DISPATCHER_SUPPRESSIONS": value})

    assert fault.startswith("DISPATCHER_SUPPRESSIONS: ")
    assert words in fault
    assert "s3cret" not in fault


def test_no_folder_is_made_below_the_one_of_embedded_files(tmp_path: Path) -> None:
    values = {"DISPATCHER_HOME": str(tmp_path), "DISPATCHER_SUPPRESSIONS": str(tmp_path / "a/list")}

    [fault] = faults({**EMAIL, **values})

    assert f"the folder {tmp_path / 'a'} does not exist" in fault


@pytest.mark.parametrize(
    ("value", "expected"),
    [("redis://u:s3cret@h/2", "redis://u:***@h/2"), ("list.txt", "list.txt")],
)
def test_the_value_is_shown_without_its_password(value: str, expected: str) -> None:
    settings = load({**EMAIL, "DISPATCHER_SUPPRESSIONS": value})

    assert value_of(settings, "suppressions") == (expected, False)


def test_a_work_queue_must_not_have_the_name_of_one_for_addresses(tmp_path: Path) -> None:
    queues = {"DISPATCHER_QUEUES": "email=mail,slack=mail.suppress"}

    assert load({**EMAIL, **queues}).queue_channels == {"mail": "email", "mail.suppress": "slack"}
    [fault] = faults({**EMAIL, **queues, "DISPATCHER_SUPPRESSIONS": str(tmp_path / "list")})

    assert fault.startswith("DISPATCHER_QUEUES: 'mail.suppress' is how the queue for addresses")


def test_a_producer_s_exchange_may_lead_to_the_queue_for_addresses(tmp_path: Path) -> None:
    bindings = {"DISPATCHER_BINDINGS": "bounces:hard=email.suppress"}

    assert faults({**EMAIL, **bindings})[0].startswith("DISPATCHER_BINDINGS: ")
    load({**EMAIL, **bindings, "DISPATCHER_SUPPRESSIONS": str(tmp_path / "list")})


def test_a_broken_file_stops_the_start_and_names_each_line(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("ann@example.com\nann\nfax:1\n")
    url = load({**EMAIL, "DISPATCHER_SUPPRESSIONS": str(path)}).suppressions
    assert url is not None

    with pytest.raises(SettingsInvalid) as refused:
        suppression_store(url)

    begins = [f"DISPATCHER_SUPPRESSIONS: {path}: line {number}: " for number in (2, 3)]
    assert [f[: len(b)] for f, b in zip(refused.value.faults, begins, strict=True)] == begins


def test_in_production_a_list_that_is_missing_stops_the_start_and_says_how_to_make_one(
    tmp_path: Path,
) -> None:
    url = Secret(str(tmp_path / "list"))
    suppression_store(url)

    with pytest.raises(SettingsInvalid) as refused:
        suppression_store(url, is_production=True)

    [fault] = refused.value.faults
    assert fault.startswith(f"DISPATCHER_SUPPRESSIONS: {tmp_path / 'list'} is missing; put it back")
    assert "dispatcher suppress add" in fault


def test_in_production_a_list_without_an_address_needs_the_file_of_what_was_added(
    tmp_path: Path,
) -> None:
    url, path = Secret(str(tmp_path / "list")), tmp_path / "list"
    path.write_text(f"{EMPTY}\n")
    suppression_store(url)

    with pytest.raises(SettingsInvalid) as refused:
        suppression_store(url, is_production=True)

    [fault] = refused.value.faults
    assert fault.startswith(f"DISPATCHER_SUPPRESSIONS: {path}.added: is missing, and {path} holds")
    path.with_name("list.added").write_text(f"{EMPTY}\n")
    suppression_store(url, is_production=True)


def test_a_list_that_is_away_is_an_unavailable_service() -> None:
    assert explained(SuppressionsUnavailable("redis is away")) == (["redis is away"], UNAVAILABLE)


def test_an_entry_that_never_matches_is_known_by_its_form() -> None:
    entries = [("email", "ann@example.com"), ("email", "Ann@Example.com"), ("fax", "1")]

    made = [Suppression(channel=channel, address=address) for channel, address in entries]

    assert [is_canonical(one) for one in made] == [True, False, False]


@pytest.mark.parametrize(
    "arguments",
    [["add"], ["remove"], ["remove", "a@b.org", "--all"], ["add", "ann"], ["list", "ann"]],
)
def test_a_wrong_use_is_found_before_anything_is_done(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2
