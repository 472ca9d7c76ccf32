"""Log lines are written in order, or dropped and counted; who writes them never waits."""

import fcntl
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.observers.sink import LineStream, LogSink
from tests.support.worker import wait_until


class Reader(threading.Thread):
    """Reads a pipe to its end."""

    def __init__(self, fd: int) -> None:
        super().__init__(daemon=True)
        self.fd = fd
        self.data = b""
        self.start()

    def run(self) -> None:
        with suppress(OSError):
            while data := os.read(self.fd, 65536):
                self.data += data


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        with suppress(OSError):
            os.close(fd)


def started(fd: int, **settings: int) -> LogSink:
    sink = LogSink(os.fdopen(fd, "w", closefd=False), **settings)
    sink.start()
    return sink


def test_lines_are_written_in_order_by_the_end(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        sink = started(file.fileno())
        for number in range(5000):
            sink.write(f"line {number}\n")
        sink.close(5)

    assert (tmp_path / "log").read_text() == "".join(f"line {n}\n" for n in range(5000))
    assert sink.dropped == 0


def test_without_a_file_every_line_is_counted_and_nothing_is_raised() -> None:
    sink = LogSink(None)
    sink.start()
    sink.write("one\n")
    sink.write("two\nthree\n")
    sink.close(1)

    assert sink.dropped == 3


def test_field_1_1_lines_for_a_reader_that_has_gone_are_dropped_and_counted(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    os.close(reading)
    sink = started(writing)
    for number in range(100):
        sink.write(f"line {number}\n")

    wait_until(lambda: sink.dropped == 100, seconds=5)


def test_field_1_1_a_reader_that_stands_still_holds_nobody_up(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    sink = started(writing, capacity=20_000)
    began = time.monotonic()
    for number in range(1000):
        sink.write(f"{number} {'x' * 100}\n")
    took = time.monotonic() - began
    assert took < 0.5
    assert sink.dropped > 500

    began = time.monotonic()
    sink.close(5)
    assert time.monotonic() - began < 2  # it does not wait for one that reads nothing

    reader = Reader(reading)
    last = "could not be written"
    wait_until(lambda: last.encode() in reader.data, seconds=5)
    lines = reader.data.decode().splitlines()
    found = re.match(r"\d+", lines[-1])
    assert found is not None
    assert int(found.group()) == sink.dropped
    assert [line.partition(" ")[0] for line in lines[:-1]] == [
        str(n) for n in range(len(lines) - 1)
    ]
    assert len(lines) - 1 + sink.dropped == 1000


def test_field_1_2_a_full_disk_costs_lines_and_once_there_is_room_one_line_says_how_many(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    fd = os.open("/dev/full", os.O_WRONLY)
    sink = started(fd)
    for number in range(10):
        sink.write(f"lost {number}\n")
    wait_until(lambda: sink.dropped == 10, seconds=5)

    with log.open("w") as file:
        os.dup2(file.fileno(), fd)  # there is room again
    sink.write("kept\n")
    wait_until(lambda: "kept" in log.read_text(), seconds=5)
    sink.write("also kept\n")
    sink.close(5)
    os.close(fd)

    assert log.read_text() == "10 log lines could not be written\nkept\nalso kept\n"
    assert sink.dropped == 10


def test_a_line_that_was_cut_off_does_not_run_into_the_next(
    tmp_path: Path, pipe: tuple[int, int]
) -> None:
    reading, writing = pipe
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    sink = started(writing)
    sink.write("x" * 10_000 + "\n")
    time.sleep(0.2)
    os.close(reading)  # after the first 4096 bytes
    wait_until(lambda: sink.dropped == 1, seconds=5)

    log = tmp_path / "log"
    with log.open("w") as file:
        os.dup2(file.fileno(), writing)
    sink.write("next\n")
    sink.close(5)

    assert log.read_text() == "\n1 log lines could not be written\nnext\n"


def test_a_file_that_another_program_made_non_blocking_still_gets_every_line(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    sink = started(writing)
    for number in range(200):
        sink.write(f"{number} {'x' * 100}\n")
    time.sleep(0.1)
    reader = Reader(reading)
    sink.close(5)

    wait_until(lambda: reader.data.count(b"\n") == 200, seconds=5)
    assert sink.dropped == 0


def test_processes_that_share_a_pipe_do_not_write_into_each_others_lines(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    reader = Reader(reading)
    sinks = [started(os.dup(writing)) for _ in range(2)]
    for number in range(2000):
        for name, sink in zip("ab", sinks, strict=True):
            sink.write(f"{name} {number} {name * 60}\n")
    for sink in sinks:
        sink.close(5)

    wait_until(lambda: reader.data.count(b"\n") == 4000, seconds=5)
    for line in reader.data.decode().splitlines():
        assert re.fullmatch(r"(a|b) \d+ \1{60}", line), line


def test_what_is_printed_on_stderr_goes_through_the_sink_line_by_line(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        sink = started(file.fileno())
        stream = LineStream(sink, file)
        print("one", 2, file=stream)
        print("half", end="", file=stream)
        stream.flush()
        sink.write("a log line\n")
        stream.finish()
        sink.close(5)

    assert (tmp_path / "log").read_text() == "one 2\na log line\nhalf\n"
