"""A channel is a folder and a line: neither is there without the other."""

from collections.abc import Collection, Iterator
from pathlib import Path

from adapters.channels import CHANNELS

ROOT = Path(__file__).parents[2]
NO_CHANNELS = {"shared"}
"""What several channels use."""


def channels_in(folder: Path) -> set[str]:
    """The channels that have a folder."""
    names = {path.name for path in folder.iterdir() if path.is_dir()}
    return {name for name in names if not name.startswith("_")} - NO_CHANNELS


def unlisted(folder: Path, listed: Collection[str]) -> Iterator[str]:
    """What has a folder and no line, or a line and no folder."""
    yield from sorted(channels_in(folder) ^ set(listed))


def test_every_folder_has_its_line_and_every_line_its_folder() -> None:
    assert list(unlisted(ROOT / "src/adapters/channels", CHANNELS)) == []


def test_a_folder_without_its_line_is_found_out(tmp_path: Path) -> None:
    for name in ("webhook", "carrier", "shared", "__pycache__"):
        (tmp_path / name).mkdir()

    assert list(unlisted(tmp_path, {"webhook", "email"})) == ["carrier", "email"]


def test_every_channel_is_under_the_notifiers_contract() -> None:
    for name in CHANNELS:
        assert (ROOT / f"tests/support/{name}_peer.py").exists(), name
