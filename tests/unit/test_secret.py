"""A secret's file is read again while we run; what cannot be used is never taken."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.secret import Secret
from adapters.setting_values import check_http_url

ORIGIN = "DISPATCHER_SLACK_WEBHOOK_URL_FILE"
OLD, NEW = "https://hooks.example.org/0ld-s3cret", "https://hooks.example.org/n3w-s3cret"
CHANGED = "a secret has changed; the new one is used"
BAD = "a secret's file cannot be used; the last good value counts"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(OLD)
    return file


@pytest.fixture
def secret(file: Path) -> Secret:
    return Secret(OLD, file, ORIGIN).checked(check_http_url)


def test_the_file_is_read_again_and_the_change_is_logged_once(file: Path, secret: Secret) -> None:
    with capture_logs() as lines:
        assert secret.now() == OLD
        file.write_text(f"{NEW}\n")
        assert [secret.now() for _ in range(3)] == [NEW] * 3

    assert lines == [{"event": CHANGED, "log_level": "info", "setting": ORIGIN}]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (Path.unlink, "cannot be read: No such file or directory"),
        (lambda file: file.write_text(""), "is empty; it must hold the value"),
        (lambda file: file.write_text(" \n"), "is empty; it must hold the value"),
        (lambda file: file.write_bytes(b"https://\xff\xfe"), "is not UTF-8 text"),
        (lambda file: file.write_text("n3w-s3cret"), "must be an http:// or https:// URL"),
        (lambda file: file.write_text("ftp://n3w-s3cret.example"), "must be an http:// or"),
        (lambda file: file.write_text(f"{NEW}\n{NEW}"), "must not contain a line break"),
        (lambda file: file.write_text(f"'{NEW}'"), "must not be in quotes"),
    ],
)
def test_what_cannot_be_used_is_named_once_and_the_last_good_value_counts(
    file: Path, secret: Secret, spoil: Callable[[Path], object], words: str
) -> None:
    file.write_text(NEW)
    assert secret.now() == NEW
    spoil(file)

    with capture_logs() as lines:
        assert [secret.now() for _ in range(3)] == [NEW] * 3

    [line] = lines
    assert (line["event"], line["log_level"], line["setting"]) == (BAD, "warning", ORIGIN)
    assert line["error"].startswith(words)
    assert "s3cret" not in repr(line)

    file.write_text(OLD)
    assert secret.now() == OLD
    spoil(file)
    with capture_logs() as lines:
        secret.now()
    assert [line["event"] for line in lines] == [BAD]


def test_a_rotation_in_place_is_followed_from_the_empty_file_to_the_new_value(
    file: Path, secret: Secret
) -> None:
    with file.open("w") as writing, capture_logs() as lines:
        assert secret.now() == OLD
        writing.write(NEW)
        writing.flush()
        assert secret.now() == NEW

    assert [line["event"] for line in lines] == [BAD, CHANGED]


def test_a_file_that_is_whole_again_with_the_same_value_may_fail_again(
    file: Path, secret: Secret
) -> None:
    with capture_logs() as lines:
        for text in ("", OLD, ""):
            file.write_text(text)
            assert secret.now() == OLD

    assert [line["event"] for line in lines] == [BAD, BAD]


def test_a_link_that_is_moved_as_kubernetes_does_is_followed(tmp_path: Path) -> None:
    for name, text in (("1", OLD), ("2", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "url").write_text(text)
    (tmp_path / "data").symlink_to("1")
    secret = Secret(OLD, tmp_path / "data/url", ORIGIN).checked(check_http_url)
    assert secret.now() == OLD

    (tmp_path / "next").symlink_to("2")
    os.replace(tmp_path / "next", tmp_path / "data")

    assert secret.now() == NEW


def test_without_a_file_the_value_stays() -> None:
    assert Secret(OLD).checked(check_http_url).now() == OLD


def test_nothing_of_it_is_in_its_repr(secret: Secret) -> None:
    assert "s3cret" not in repr(secret)
