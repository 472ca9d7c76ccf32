"""What DISPATCHER_LEDGER_URL names is what is used."""

import asyncio
from pathlib import Path

from adapters.clock import SystemClock
from domain.pace import Spacing
from entrypoints.stores import ledger_and_paces
from tests.contracts.ledger_harness import ID, SENT, deliver, state_of
from tests.unit.entrypoints.loading import load


def files_after_use(url: str, folder: Path) -> set[str]:
    """Use the ledger and the paces of this URL; the names of the files that are left."""
    settings = load({"DISPATCHER_LEDGER_URL": url, "DISPATCHER_EMAIL_URL": "smtp://127.0.0.1:25"})

    async def scenario() -> None:
        ledger, paces = ledger_and_paces(settings, SystemClock())
        await deliver(ledger, ID)
        assert await state_of(ledger, ID) is SENT
        assert (await paces.take("k", Spacing(interval=50.0), 0)).taken
        assert not (await paces.take("k", Spacing(interval=50.0), 0)).taken
        await ledger.close()
        await paces.close()

    asyncio.run(scenario())
    return {file.name for file in folder.iterdir()}


def test_a_ledger_in_memory_leaves_no_file(tmp_path: Path) -> None:
    assert files_after_use("memory:", tmp_path) == set()


def test_a_ledger_in_a_file_is_there(tmp_path: Path) -> None:
    assert files_after_use(f"sqlite:///{tmp_path}/kept.db", tmp_path) == {"kept.db"}
