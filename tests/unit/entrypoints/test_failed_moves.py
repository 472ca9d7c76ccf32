"""A slow replay is several walks, and moves what was agreed to, once."""

from pathlib import Path

from adapters.dead_letters.dead_letter import DeadLetter, release
from adapters.message_format.rules import Properties
from entrypoints.cli.application import Application, opened
from entrypoints.cli.failed.moves import move
from entrypoints.cli.failed.selection import Filter, look
from entrypoints.settings import Settings


async def bury(app: Application, *ids: str) -> None:
    for id_ in ids:
        properties = Properties(message_id=id_)
        await app.container.publisher().bury("email", b"{}", properties=properties, headers={})


def test_a_move_that_outlasts_its_walk_goes_on_where_it_was(tmp_path: Path) -> None:
    with opened(Settings(home=tmp_path)) as app:
        app.run(bury(app, *(f"m{number}" for number in range(12))))
        agreed = look(app, Filter())
        app.run(bury(app, "late"))

        moved: list[DeadLetter] = []
        interrupted = app.run(move(app, agreed, release, moved.append, rate=100, round_=0.03))

        assert [letter.id for letter in moved] == [f"m{number}" for number in range(12)]
        assert [letter.id for letter in look(app, Filter())] == ["late"]
    assert not interrupted
