"""Stored messages are found in files, lists and lines, each with its place."""

import io
import json
import os
import sys
import time
from pathlib import Path

import pytest

from entrypoints.cli.templates.stored_messages import (
    Stored,
    StoredFault,
    StoredMessage,
    stored_messages,
)

TOO_MUCH = "cannot be read as JSON: a number is too long, or it is nested too deep"


def in_file(folder: Path, name: str, content: str | bytes) -> list[Stored]:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    return list(stored_messages(str(folder / name)))


def places(found: list[Stored]) -> list[tuple[int, int | None, bytes]]:
    assert all(isinstance(one, StoredMessage) for one in found)
    return [(one.line, one.item, one.body) for one in found if isinstance(one, StoredMessage)]


def faults(found: list[Stored]) -> list[tuple[int | None, str, bool]]:
    return [(f.line, f.text, f.is_error) for f in found if isinstance(f, StoredFault)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.json", '\n{"a":\n1}', [(2, None, b'\n{"a":\n1}')]),
        ("a.json", '[{"a":1},\n {"b":2}]\n', [(1, 0, b'{"a":1}'), (2, 1, b'{"b":2}')]),
        ("a.jsonl", '{"a":1}\n\n {"b":2} \r\n', [(1, None, b'{"a":1}'), (3, None, b'{"b":2}')]),
        ("a.NDJSON", '\ufeff{"a":1}', [(1, None, b'{"a":1}')]),
        ("a.jsonl", "\u00a0{}", [(1, None, "\u00a0{}".encode())]),
        ("a.jsonl", '{"a":"\u2028"}', [(1, None, '{"a":"\u2028"}'.encode())]),
        ("a.json", "[1, [2]]", [(1, 0, b"1"), (1, 1, b"[2]")]),
        ("a.json", "nonsense", [(1, None, b"nonsense")]),
        ("a.json", '{"a":1}}', [(1, None, b'{"a":1}}')]),
        ("a.json", '{"a":\n1}\n{"b":2}', [(1, None, b'{"a":\n1}'), (3, None, b'{"b":2}')]),
        ("a.json", '{"a":1}\n{"b"\n:', [(1, None, b'{"a":1}'), (2, None, b'{"b"\n:')]),
        ("a.json", '[{"a":1,"a":NaN}]', [(1, 0, b'{"a":1,"a":NaN}')]),
    ],
)
def test_each_message_has_its_place_and_its_very_bytes(
    tmp_path: Path, name: str, text: str, expected: object
) -> None:
    assert places(in_file(tmp_path, name, text)) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", (None, "has no message in it", False)),
        (" \n", (None, "has no message in it", False)),
        ("[ ]", (None, "has no message in it", False)),
        (b"\xff", (1, "is not UTF-8 at byte 0", True)),
        (b"{}\n\xff", (2, "is not UTF-8 at byte 3", True)),
        ("[1,\n]", (2, "is not JSON: Expecting value at line 2 column 1", True)),
        ("[1\n", (2, "is not JSON: Expecting ',' or ']' at line 2 column 1", True)),
        ("[1]\nx", (2, "is not JSON: Extra data at line 2 column 1", True)),
        (
            "[" * 100_000,
            (1, TOO_MUCH, True),
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, text: str | bytes, fault: object
) -> None:
    assert faults(in_file(tmp_path, "a.json", text)) == [fault]


def test_a_folder_gives_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b.json", "a/z.jsonl", "a/b.ndjson", "c.txt", ".hidden.json", ".git/x.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")

    found = [one.file for one in stored_messages(str(tmp_path))]

    assert found == [str(tmp_path / name) for name in ("a/b.ndjson", "a/z.jsonl", "b.json")]


def test_a_folder_without_such_files_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("{}")

    text = "has no *.json, *.jsonl or *.ndjson file in it"
    assert faults(list(stored_messages(str(tmp_path)))) == [(None, text, True)]


def test_what_is_no_file_of_the_folder_is_said_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "stored").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x.json").write_text("{}")
    (tmp_path / "stored/link").symlink_to(tmp_path / "other")
    (tmp_path / "stored/linked.json").symlink_to(tmp_path / "other/x.json")
    os.mkfifo(tmp_path / "stored/pipe.json")

    link, pipe, message = stored_messages(str(tmp_path / "stored"))

    assert faults([link, pipe]) == [
        (None, "is a link to a folder, which is not followed", False),
        (None, "cannot be read: is no file", True),
    ]
    assert message.file == str(tmp_path / "stored/linked.json")


def test_a_long_list_takes_no_longer_than_its_length(tmp_path: Path) -> None:
    text = "[" + ",\n".join([json.dumps({"a": "x" * 10_000})] * 3000) + "]"

    began = time.process_time()
    found = in_file(tmp_path, "a.json", text)

    assert [line for line, *_ in places(found)] == list(range(1, 3001))
    assert time.process_time() - began < 3  # counted from the beginning each time: over 8 s


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "absent")
    (tmp_path / "b.json").write_text("{}")

    fault, message = stored_messages(str(tmp_path))

    assert fault == StoredFault(
        file=str(tmp_path / "a.json"), text="cannot be read: No such file or directory"
    )
    assert message.file == str(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('{"a": 1}', 1),
        (json.dumps({"a": {"b": 1}}, indent=1), 1),
        ('{"a": 1}\n{"a": 2}\n', 2),
        ('{"a": 1,}\n{"a": 2}\n', 2),
        ('[{"a": 1},\n{"a": 2}]', 2),
    ],
)
def test_standard_input_has_one_message_a_list_or_lines(
    text: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(sys), "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    found = list(stored_messages("-"))

    assert len(places(found)) == count
    assert {one.file for one in found} == {"-"}


def test_empty_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(sys), "stdin", io.TextIOWrapper(io.BytesIO()))

    assert faults(list(stored_messages("-"))) == [(None, "has no message in it", True)]
