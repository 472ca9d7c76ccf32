"""Captured messages are files that a person can read."""

import asyncio
import json
from pathlib import Path

import pytest

from adapters.channels.shared.captured import CapturedNotifier, parts_in, read_text
from domain.content import Content
from domain.notification import Attachment
from tests.fakes import a_notification


def captured(folder: Path, content: Content, **changes: object) -> list[str]:
    notification = a_notification(**changes)
    notifier = CapturedNotifier(folder)
    for one in notification.recipients:
        asyncio.run(notifier.notify(notification.for_one(one), content, [one]))
    return [path.read_text("utf-8") for path in sorted(folder.iterdir())]


def test_a_file_has_a_head_an_empty_line_and_the_message(tmp_path: Path) -> None:
    content = Content(subject="Ciao", parts={"telegram": "<b>Città</b> & co.\n\n"})
    file = Attachment(filename="a.pdf", content=b"%PDF")

    [text] = captured(tmp_path / "telegram", content, to="42", attachments=(file,))

    head, _, body = text.partition("\n\n")
    names = [line.partition(":")[0] for line in head.splitlines()]
    assert names == ["To", "Date", "Id", "Template", "Subject", "Attachments"]
    assert "To: 42\n" in head
    assert "Subject: Ciao\n" in head
    assert head.endswith("Attachments: a.pdf")
    assert body == "<b>Città</b> & co.\n"


def test_blocks_are_indented_and_stand_after_the_text(tmp_path: Path) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "Città"}}]
    content = Content(parts={"slack.json": json.dumps(blocks), "slack": "Città"})

    [text] = captured(tmp_path, content, to="#ops")

    _head, first, second = text.split("\n\n")
    assert first == "Città"
    assert json.loads(second) == blocks
    assert '\n    "type": "section"' in second
    assert "Città" in second


def test_each_recipient_has_a_file_and_no_half_written_one_is_left(tmp_path: Path) -> None:
    texts = captured(tmp_path, Content(parts={"text": "Hi"}), to=["#a", "#b", "#c"])

    assert [text.partition("\n")[0] for text in texts] == ["To: #a", "To: #b", "To: #c"]
    assert {path.suffix for path in tmp_path.iterdir()} == {".txt"}


def test_what_the_metadata_say_to_the_channel_is_kept_and_nothing_else(tmp_path: Path) -> None:
    content = Content(parts={"telegram": "Hi"})
    metadata = {"telegram": {"silent": True}, "order": 7}

    [text] = captured(tmp_path, content, to="42", channel="telegram", metadata=metadata)

    assert 'Options: {"silent": true}\n' in text
    assert "order" not in text


@pytest.mark.parametrize(
    "parts",
    [
        {"slack": "*Hi*\n\n[not JSON]\n", "slack.json": '[\n  {\n    "type": "divider"\n  }\n]\n'},
        {"slack.json": '{\n  "blocks": []\n}\n'},
        {"slack": "one\n\n{two}\n"},
        {"slack": ""},
    ],
)
def test_the_parts_are_found_again_in_the_text(tmp_path: Path, parts: dict[str, str]) -> None:
    [text] = captured(tmp_path, Content(parts=parts), to="#a")

    found = parts_in(read_text(text.encode()).text, ["slack.json", "slack"])

    assert {name: part.strip() for name, part in found.items()} == {
        name: part.strip() for name, part in parts.items()
    }
