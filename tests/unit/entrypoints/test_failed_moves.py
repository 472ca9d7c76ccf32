"""A slow replay is several walks, and moves what was agreed to, once."""

import asyncio
from pathlib import Path

from adapters.dead_letters.dead_letter import release
from adapters.message_format.properties import Properties
from entrypoints.cli.failed_moves import Move
from entrypoints.cli.letters import Filter, look
from entrypoints.cli.progress import Bar
from entrypoints.container import Container
from entrypoints.settings import Settings


def bury(settings: Settings, *ids: str) -> None:
    async def store() -> None:
        publisher = Container(settings=settings).publisher()
        for id_ in ids:
            properties = Properties(message_id=id_)
            await publisher.bury("email", b"{}", properties=properties, headers={})
        await publisher.close()

    asyncio.run(store())


def test_a_move_that_outlasts_its_walk_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    bury(settings, *(f"m{number}" for number in range(12)))
    agreed = look(settings, Filter())
    bury(settings, "late")

    move = Move(agreed, release, Bar("retry", 12), rate=100, round_=0.03)
    asyncio.run(move.run(settings))

    assert [letter.id for letter in move.moved] == [f"m{number}" for number in range(12)]
    assert [letter.id for letter in look(settings, Filter())] == ["late"]
    assert not move.interrupted
