"""A channel is its adapter and one line in each of a few places: none of them is missing."""

import asyncio
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from adapters.channels import CHANNELS
from tests.contracts.notifier import NotifierContract
from tests.integration.channels import test_notifier_contract

ADAPTERS = Path(__file__).parents[2] / "src/adapters/channels"
NO_CHANNELS = {"shared"}
"""What several channels use."""


def channels_in(folder: Path) -> set[str]:
    """The channels that have an adapter: a folder of that name."""
    names = {path.name for path in folder.iterdir() if path.is_dir()}
    return {name for name in names if not name.startswith("_")} - NO_CHANNELS


def proven_by(contracts: ModuleType) -> set[str]:
    """The channels whose own notifier runs under the contract suite."""
    cases = [
        case
        for name, case in vars(contracts).items()
        if name.startswith("Test") and issubclass(case, NotifierContract)
    ]
    return {module.split(".")[2] for case in cases for module in asyncio.run(modules_of(case()))}


async def modules_of(case: NotifierContract) -> list[str]:
    async with case.peer(5.0) as peer:
        module = type(peer.notifier).__module__
    return [module] if module.startswith("adapters.channels.") else []


def missing(
    channels: Collection[str], places: dict[str, Collection[str]]
) -> Iterator[tuple[str, str]]:
    for place, named in places.items():
        yield from ((channel, place) for channel in sorted(channels) if channel not in named)


def the_places() -> dict[str, Collection[str]]:
    return {
        "CHANNELS": CHANNELS,
        "contract": proven_by(test_notifier_contract),
    }


def test_every_channel_has_its_line_in_every_place() -> None:
    channels = channels_in(ADAPTERS)

    assert {"email", "telegram", "slack", "webhook", "apprise"} <= channels
    assert list(missing(channels, the_places())) == []


def test_every_line_has_its_channel() -> None:
    places = the_places()
    places["contract"] = set(places["contract"]) - NO_CHANNELS

    named = {name for names in places.values() for name in names}

    assert named == channels_in(ADAPTERS)


def test_a_channel_without_its_lines_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "pager").mkdir()
    (tmp_path / "webhook").mkdir()
    (tmp_path / "pigeon").mkdir()
    (tmp_path / "shared").mkdir()

    found = list(missing(channels_in(tmp_path), the_places()))

    places = ("CHANNELS", "contract")
    assert found == [(channel, place) for place in places for channel in ("pager", "pigeon")]


@pytest.mark.parametrize("place", ["CHANNELS", "contract"])
def test_a_single_absent_line_is_found_out(place: str) -> None:
    places = the_places()
    places[place] = set(places[place]) - {"webhook"}

    assert list(missing(channels_in(ADAPTERS), places)) == [("webhook", place)]


def test_a_contract_without_a_class_for_a_channel_does_not_prove_it() -> None:
    shortened = ModuleType("shortened")
    vars(shortened)["TestWebhookNotifier"] = test_notifier_contract.TestWebhookNotifier

    assert proven_by(shortened) == {"webhook"}
