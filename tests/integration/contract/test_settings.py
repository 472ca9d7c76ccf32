"""Each setting with its name, default, twin, and how a wrong one is refused."""

import json
import shutil
from typing import Any

import pytest

from tests.integration.contract.outside import GOLDEN, Home, golden, lines_that_begin, write

SETTINGS: list[dict[str, Any]] = golden("settings")
ALONE = "DISPATCHER_EMAIL_OAUTH2_ACCESS_TOKEN"
"""Excludes the other ways to get a token."""

WITH_IT = {"DISPATCHER_EMAIL_URL", ALONE}
GROUPS = {
    "a token": [row for row in SETTINGS if row["variable"] in WITH_IT],
    "all others": [row for row in SETTINGS if row["variable"] != ALONE],
}
TARGET = "DISPATCHER_TARGETS__"


def shown(home: Home) -> dict[str, dict[str, Any]]:
    return {row["variable"]: row for row in home.read("config", "show")}


def in_the_file(variable: str) -> str:
    return variable.removeprefix("DISPATCHER_").lower()


@pytest.fixture
def home(home: Home) -> Home:
    shutil.copy(GOLDEN / "client.pem", home.folder)
    return home


def test_without_settings_each_has_its_default(home: Home) -> None:
    found = shown(home)

    for row in SETTINGS:
        if "default" in row:
            expected = (row["default"], row.get("origin", "default"))
            actual = found[row["variable"]]
            assert (actual["value"], actual["origin"]) == expected, row["variable"]


def test_no_setting_has_vanished_or_come_without_a_word(home: Home) -> None:
    names = {row["variable"] for row in SETTINGS if not row["variable"].startswith(TARGET)}

    assert names - shown(home).keys() == set()


@pytest.mark.parametrize("group", GROUPS)
def test_each_setting_is_read_from_its_variable(home: Home, group: str) -> None:
    rows = GROUPS[group]

    found = shown(Home(home.folder, {row["variable"]: row["set"] for row in rows}))

    for row in rows:
        actual = found[row["variable"]]
        expected = (row.get("shown", row["set"]), row["variable"])
        assert (actual["value"], actual["origin"]) == expected, row["variable"]


@pytest.mark.parametrize("group", GROUPS)
def test_each_setting_is_read_from_the_file(home: Home, group: str) -> None:
    rows = [row for row in GROUPS[group] if not row["variable"].startswith(TARGET)]
    lines = [f"{in_the_file(row['variable'])} = {json.dumps(row['set'])}" for row in rows]
    write(home.folder, {"dispatcher.toml": "\n".join([*lines, "[targets]", "ops = 'json://a'"])})

    found = shown(home)

    for row in rows:
        actual = found[row["variable"]]
        expected = (row.get("shown", row["set"]), "dispatcher.toml")
        assert (actual["value"], actual["origin"]) == expected, row["variable"]
    assert found[f"{TARGET}OPS"]["origin"] == "dispatcher.toml"


def test_the_environment_wins_over_the_file(home: Home) -> None:
    write(home.folder, {"dispatcher.toml": "email_pool = 3\nlease = '1m'\n"})

    found = shown(home.with_(EMAIL_POOL="5"))

    assert found["DISPATCHER_EMAIL_POOL"]["value"] == "5"
    assert found["DISPATCHER_LEASE"]["value"] == "1m"


@pytest.mark.parametrize("group", GROUPS)
def test_each_url_and_secret_has_a_twin_that_names_a_file(home: Home, group: str) -> None:
    rows = [row for row in GROUPS[group] if row.get("twin")]
    write(home.folder, {row["variable"]: row["set"] + "\n" for row in rows})
    settings = {f"{row['variable']}_FILE": str(home.folder / row["variable"]) for row in rows}
    if group != "a token":
        settings["DISPATCHER_EMAIL_OAUTH2_CLIENT_ID"] = "client"

    found = shown(Home(home.folder, settings))

    for row in rows:
        actual = found[row["variable"]]
        expected = (row.get("shown", row["set"]), f"{row['variable']}_FILE")
        assert (actual["value"], actual["origin"]) == expected, row["variable"]


def test_a_variable_and_its_twin_together_are_refused(home: Home) -> None:
    rows = [row for row in SETTINGS if row.get("twin")]
    settings = {row["variable"]: row["set"] for row in rows}
    twins = {f"{row['variable']}_FILE": "somewhere/file" for row in rows}

    refused = Home(home.folder, settings | twins).run("config", "show")

    assert refused.code == 78
    for twin in twins:
        assert len(lines_that_begin(refused.faults, f"{twin}: ")) == 1, twin


def test_what_is_no_secret_has_no_twin(home: Home) -> None:
    # A setting that is a file's name itself is no twin.
    rows = [row for row in SETTINGS if not row.get("twin")]
    settings = {f"{row['variable']}_FILE": "somewhere/file" for row in rows}

    refused = Home(home.folder, settings).run("config", "show")

    assert refused.code == 78
    for name in settings:
        assert len(lines_that_begin(refused.faults, f"{name}: unknown setting")) == 1, name


@pytest.mark.parametrize("later", [False, True], ids=["by its kind", "by its meaning"])
def test_each_wrong_value_is_one_line_that_names_the_variable(home: Home, later: bool) -> None:
    rows = [row for row in SETTINGS if "wrong" in row and row.get("later", False) == later]

    refused = Home(home.folder, {row["variable"]: row["wrong"] for row in rows}).run(
        "config", "show"
    )

    assert refused.code == 78
    assert refused.stdout == ""
    for row in rows:
        assert len(lines_that_begin(refused.faults, f"{row['variable']}: ")) == 1, row["variable"]


def test_an_unknown_variable_is_an_error_with_a_hint(home: Home) -> None:
    names = [r["variable"] for r in SETTINGS if not r["variable"].startswith(TARGET)]

    refused = Home(home.folder, {f"{name}X": "1" for name in names}).run("config", "show")

    assert refused.code == 78
    for name in names:
        (line,) = lines_that_begin(refused.faults, f"{name}X: ")
        assert name in line.partition(": ")[2], line


def test_an_unknown_name_in_the_file_is_an_error_with_a_hint(home: Home) -> None:
    write(home.folder, {"dispatcher.toml": "email_pol = 3\n"})

    refused = home.run("config", "show")

    (line,) = refused.faults
    assert refused.code == 78
    assert line.startswith("dispatcher.toml: email_pol: ")
    assert "DISPATCHER_EMAIL_POOL" in line


def test_names_that_a_cluster_or_a_test_sets_are_passed_over(home: Home) -> None:
    names = ["PORT", "PORT_80_TCP", "SERVICE_HOST", "WEB_SERVICE_PORT_HTTP", "TEST_AMQP_URL"]

    home.with_(**dict.fromkeys(names, "x")).ok("config", "show")


def test_an_empty_variable_counts_as_not_set(home: Home) -> None:
    found = shown(home.with_(EMAIL_POOL="", BROKER_URL=" "))

    assert found["DISPATCHER_EMAIL_POOL"] == {
        "variable": "DISPATCHER_EMAIL_POOL",
        "value": "10",
        "origin": "default",
    }


PRODUCTION = {"ENV": "production", "BROKER_URL": "amqp://h/"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"ENV": "production"}, {"BROKER_URL"}),
        (
            PRODUCTION
            | {"EMAIL_URL": "maildir:b", "ONLY_TO": "*@a.org", "REDIRECT_TO": "me@example.org"},
            {"EMAIL_URL", "ONLY_TO", "REDIRECT_TO"},
        ),
        (
            {"EMAIL_URL": "smtp://user:pass@relay.example.org", "BINDINGS": "shop:key=absent"}
            | {"PREFETCH": "2", "CONCURRENCY": "3"},
            {"EMAIL_URL", "PREFETCH", "BINDINGS"},
        ),
        (
            {"QUEUE_ARGUMENTS": '{"x-queue-type": "stream"}', "TARGETS__WEBGUI": "json://h"},
            {"QUEUE_ARGUMENTS", "TARGETS__WEBGUI"},
        ),
        ({"BROKER_URL": "amqp://h/?colour=red"}, {"BROKER_URL"}),
    ],
)
def test_what_does_not_go_together_is_refused(
    home: Home, settings: dict[str, str], named: set[str]
) -> None:
    refused = home.with_(**settings).run("config", "show")

    assert refused.code == 78
    for name in named:
        assert len(lines_that_begin(refused.faults, f"DISPATCHER_{name}: ")) == 1, refused.stderr
