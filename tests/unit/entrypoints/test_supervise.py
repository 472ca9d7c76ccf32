"""The parent of several workers, with real processes that stand for them: it answers for all."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping

import pytest
from structlog.testing import capture_logs

from adapters.observers.sink import LogSink
from entrypoints.supervise import HOPELESS, SILENT, Child, Supervisor
from entrypoints.watching.reports import Report
from entrypoints.watching.service_manager import READY, STOPPING, ServiceManager

_HEAD = """
import os, signal, sys, time
fd = int(sys.argv[-1].removeprefix("--reports-to="))
def report(causes="{}", standstill=""):
    os.write(fd, b'{"causes": %s, "standstill": "%s", "metrics": []}\\n'
                 % (causes.encode(), standstill.encode()))
"""
_UNTIL_TERM = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
SILENT_ONE = f"{_HEAD}{_UNTIL_TERM}signal.pause()"
READY_ONE = f"{_HEAD}{_UNTIL_TERM}report()\nsignal.pause()"
PAUSED_ONE = _HEAD + _UNTIL_TERM + """report('{"email": "421 busy"}')\nsignal.pause()"""
STALLED_ONE = f'{_HEAD}{_UNTIL_TERM}report(standstill="no message was settled")\nsignal.pause()'


class FakeManager(ServiceManager):
    """Keeps what is reported to it."""

    def __init__(self) -> None:
        super().__init__("", None)
        self.got: list[str] = []

    def report(self, state: str) -> None:
        self.got.append(state)

    def alive(self) -> None:
        self.got.append("alive")


def a_supervisor(script: str = READY_ONE, count: int = 2) -> tuple[Supervisor, FakeManager]:
    manager = FakeManager()
    command = [sys.executable, "-S", "-c", script]
    made = Supervisor(
        command, count, LogSink(None), manager=manager, poll=0.005, restart_pause=0.01
    )
    return made, manager


def run(supervisor: Supervisor, meanwhile: Callable[[], Awaitable[None]]) -> int:
    """Run it until `meanwhile` has ended, then SIGTERM; the exit code."""

    async def main() -> int:
        async with asyncio.timeout(60):
            running = asyncio.create_task(supervisor.run(None))
            try:
                await meanwhile()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
            return await running

    return asyncio.run(main())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


def all_reported(supervisor: Supervisor) -> Callable[[], bool]:
    return lambda: bool(supervisor.children) and all(child.last for child in supervisor.children)


def own_metrics(supervisor: Supervisor) -> Mapping[str, float]:
    samples = [sample for metric in supervisor.collect() for sample in metric.samples]
    return {sample.name.removeprefix("dispatcher_"): sample.value for sample in samples}


def test_all_are_ready_once_each_has_said_so_and_until_then_each_other_is_named() -> None:
    supervisor, manager = a_supervisor()

    async def meanwhile() -> None:
        await until(lambda: len(supervisor.children) == 2)
        supervisor.children.append(Child(3))
        await until(lambda: supervisor.troubles() == {"process 3": "it is starting"})
        supervisor.children.pop()
        assert supervisor.troubles() == {}
        assert supervisor.standstill() == ""

    assert run(supervisor, meanwhile) == 0
    assert manager.got[0] == READY
    assert "alive" in manager.got
    assert STOPPING in manager.got


def test_a_cause_names_the_processes_that_it_is_about() -> None:
    supervisor, _ = a_supervisor(PAUSED_ONE, count=3)

    async def meanwhile() -> None:
        await until(all_reported(supervisor))
        assert supervisor.troubles() == {"email": "processes 1, 2, 3: 421 busy"}
        supervisor.children[1].last = Report()
        supervisor.children[2].last = Report(causes={"email": "550 no", "ledger": "disk full"})
        assert supervisor.troubles() == {
            "email": "process 1: 421 busy; process 3: 550 no",
            "ledger": "process 3: disk full",
        }

    assert run(supervisor, meanwhile) == 0


def test_field_1_3_one_process_that_settles_nothing_ends_the_life_of_all() -> None:
    supervisor, manager = a_supervisor(STALLED_ONE)

    async def meanwhile() -> None:
        await until(all_reported(supervisor))
        supervisor.children[0].last = Report()
        assert supervisor.standstill() == "process 2: no message was settled"
        manager.got.clear()
        await asyncio.sleep(0.1)
        assert manager.got == []  # so that the service manager starts us again

    assert run(supervisor, meanwhile) == 0


def test_a_process_that_says_nothing_is_not_ready_and_later_not_alive() -> None:
    supervisor, _ = a_supervisor(SILENT_ONE, count=1)

    async def meanwhile() -> None:
        await until(lambda: bool(supervisor.children and supervisor.children[0].process))
        [child] = supervisor.children
        assert (supervisor.troubles(), supervisor.standstill()) == (
            {"process 1": "it is starting"},
            "",
        )
        before = child.silence
        await until(lambda: child.silence > before)
        child.silence = SILENT
        assert "process 1" in supervisor.troubles()
        assert supervisor.troubles()["process 1"].startswith("it has not reported for 30 seconds")
        assert supervisor.standstill() == ""
        child.silence = HOPELESS
        assert supervisor.standstill() == "process 1 has not reported for 60 seconds"

    assert run(supervisor, meanwhile) == 0


def test_a_process_that_was_killed_is_started_again_and_counted() -> None:
    supervisor, _ = a_supervisor()
    seen: list[Mapping[str, str]] = []

    async def meanwhile() -> None:
        await until(all_reported(supervisor))
        assert own_metrics(supervisor) == {
            "processes": 2,
            "process_restarts_total": 0,
            "log_lines_dropped_total": 0,
        }
        old = supervisor.children[1].process
        assert old is not None
        old.kill()
        await until(lambda: seen.append(supervisor.troubles()) or supervisor.restarts == 1)  # type: ignore[func-returns-value]
        assert old is not supervisor.children[1].process
        await until(lambda: supervisor.troubles() == {})
        assert own_metrics(supervisor)["process_restarts_total"] == 1

    with capture_logs() as logs:
        assert run(supervisor, meanwhile) == 0

    text = "it died (exit code -9) and is started again in a moment"
    assert {"process 2": text} in seen
    assert [line["exit_code"] for line in logs] == [-9]


@pytest.mark.parametrize("code", [0, 2, 78])
def test_a_process_that_ended_by_itself_is_not_started_again(code: int) -> None:
    script = f"{_HEAD}{_UNTIL_TERM}report()\ntime.sleep(0.1)\nsys.exit({code})"
    supervisor, _ = a_supervisor(script)

    async def meanwhile() -> None:
        await until(lambda: bool(supervisor.children))
        await until(lambda: all(child.exit_code is not None for child in supervisor.children))
        text = f"it has ended (exit code {code}) and is not started again"
        assert supervisor.troubles() == {"process 1": text, "process 2": text}
        assert supervisor.standstill() == ""

    assert run(supervisor, meanwhile) == code
    assert supervisor.restarts == 0


def test_the_worst_exit_code_is_that_of_the_parent() -> None:
    script = f"{_HEAD}signal.signal(signal.SIGTERM, lambda *_: sys.exit(fd % 2))\nreport()\n"
    supervisor, _ = a_supervisor(f"{script}signal.pause()")
    codes: list[int] = []

    async def meanwhile() -> None:
        await until(all_reported(supervisor))

    code = run(supervisor, meanwhile)
    codes = [child.process.returncode for child in supervisor.children if child.process]

    assert code == max(codes)


def test_a_stop_before_a_process_could_heed_it_is_a_clean_one() -> None:
    supervisor, _ = a_supervisor(f"{_HEAD}report()\nsignal.pause()")  # SIGTERM kills it

    async def meanwhile() -> None:
        await until(all_reported(supervisor))

    assert run(supervisor, meanwhile) == 0
    assert {child.process and child.process.returncode for child in supervisor.children} == {-15}


def test_a_process_that_the_system_refuses_is_tried_again_while_the_others_go_on() -> None:
    supervisor, _ = a_supervisor()
    command = supervisor.command

    async def meanwhile() -> None:
        await until(all_reported(supervisor))
        supervisor.command = ["/nowhere/python"]
        killed, kept = [child.process for child in supervisor.children]
        assert killed is not None
        killed.kill()
        await until(lambda: "cannot be started" in str(logs))
        assert kept is not None
        assert kept.poll() is None
        supervisor.command = command
        await until(lambda: supervisor.restarts == 1)
        await until(lambda: supervisor.troubles() == {})

    with capture_logs() as logs:
        assert run(supervisor, meanwhile) == 0


def test_a_fault_that_all_processes_find_is_printed_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault = b'{"causes": {}, "standstill": "", "metrics": [], "faults": ["A: wrong", "B: too"]}'
    script = f"{_HEAD}os.write(fd, {fault!r} + b'\\n')\nsys.exit(78)"
    supervisor, _ = a_supervisor(script, count=3)

    async def alone() -> int:
        async with asyncio.timeout(60):
            return await supervisor.run(None)

    assert asyncio.run(alone()) == 78
    assert capsys.readouterr().err == "A: wrong\nB: too\n"


def test_a_fault_that_a_process_finds_again_is_printed_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault = b'{"causes": {}, "standstill": "", "metrics": [], "faults": ["broker away"]}'
    script = f"{_HEAD}os.write(fd, {fault!r} + b'\\n')\nsys.exit(69)"
    supervisor, _ = a_supervisor(script, count=1)
    said: list[str] = []

    async def meanwhile() -> None:
        while len(said) < 3:
            said.extend(capsys.readouterr().err.splitlines())
            await asyncio.sleep(0.005)

    with capture_logs():
        run(supervisor, meanwhile)
    assert set(said) == {"broker away"}
