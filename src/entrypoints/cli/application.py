"""What a command works with, opened once."""

from asyncio import Runner
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from entrypoints.cli.output import words
from entrypoints.container import Container
from entrypoints.settings import Settings, variable
from entrypoints.start import load

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Application:
    """The settings, and the parts of the program, each made where it is first asked for."""

    settings: Settings
    container: Container
    runner: Runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work on the command's one loop; its result."""
        return self.runner.run(work)


@contextmanager
def opened(settings: Settings | None = None, *, names_queue: bool = False) -> Iterator[Application]:
    """An application with these settings, else with the operator's; what was made is closed at the
    end. `names_queue`: say which queue is read where no broker was chosen. Raises
    SettingsInvalid."""
    settings = settings or load()
    if names_queue and settings.broker_url is None:
        file = settings.home / "queue.db"
        state = "" if file.exists() else ", which does not exist yet"
        words(f"embedded queue {file}{state}: no {variable('broker_url')} is set")
    container = Container(settings=settings)
    with Runner() as runner:
        is_interrupted = False
        try:
            yield Application(settings, container, runner)
        except KeyboardInterrupt:
            is_interrupted = True  # the runner cancels what was under way; nothing may go on first
            raise
        finally:
            if not is_interrupted:
                runner.run(container.closing().aclose())
