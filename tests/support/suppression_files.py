"""A list of suppressions in files, and what people do to them."""

import asyncio
import time
from pathlib import Path

from adapters.suppressions.file import FileSuppressions, added_path
from domain.ports import EventSink
from entrypoints.suppressing import canonical_address
from tests.contracts.suppressions import an_entry

ANN, BOB, CY = "ann@example.com", "bob@example.com", "cy@example.com"

added_to = added_path


def opened(
    path: Path,
    *,
    rest: float = 0,
    patience: float = 5,
    events: EventSink | None = None,
    may_be_empty: bool = True,
) -> FileSuppressions:
    return FileSuppressions(
        path,
        canonical_address,
        "email",
        rest=rest,
        patience=patience,
        events=events,
        may_be_empty=may_be_empty,
    )


def listed(store: FileSuppressions) -> set[str]:
    return {entry.address for entry in asyncio.run(store.entries())}


def look(store: FileSuppressions, times: int = 2, *, pause: float = 0) -> None:
    for _ in range(times):
        asyncio.run(store.look())
        time.sleep(pause)


def add(store: FileSuppressions, *addresses: str) -> list[bool]:
    return list(asyncio.run(store.add([an_entry(one) for one in addresses])))


def remove(store: FileSuppressions, *addresses: str) -> list[bool]:
    return list(asyncio.run(store.remove("email", addresses)))


def by_rename(path: Path, text: str) -> None:
    new = path.with_name("new")
    new.write_text(text)
    time.sleep(0.02)  # a file's times go in steps of some milliseconds
    new.replace(path)
