"""Log lines are written in order, or dropped and counted; who writes them never waits."""

import fcntl
import os
import re
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.observers.sink import LineStream, LogSink
from tests.support.worker import wait_until


class Pipe:
    """A small pipe that closes each of its descriptors once, and no descriptor that is still read:
    its number might be another test's by then."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, 4096)
        self.data = b""
        self._writing = [self.writing]
        self._reader: threading.Thread | None = None

    def dup(self) -> int:
        """Another descriptor to write to."""
        self._writing.append(os.dup(self.writing))
        return self._writing[-1]

    def wait_for_data(self) -> None:
        """Return once there is something to read."""
        assert select.select([self.reading], [], [], 5)[0]

    def read(self) -> None:
        """Read to the end, in the background."""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close_reading(self) -> None:
        os.close(self.reading)
        self.reading = -1

    def close(self) -> None:
        for fd in self._writing:
            os.close(fd)
        if self._reader is not None:
            self._reader.join(5)
            assert not self._reader.is_alive()
        if self.reading >= 0:
            self.close_reading()

    def _read(self) -> None:
        while data := os.read(self.reading, 65536):
            self.data += data


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


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


def test_field_1_1_lines_for_a_reader_that_has_gone_are_dropped_and_counted(pipe: Pipe) -> None:
    pipe.close_reading()
    sink = started(pipe.writing)
    for number in range(100):
        sink.write(f"line {number}\n")

    wait_until(lambda: sink.dropped == 100, seconds=5)


def test_field_1_1_a_reader_that_stands_still_holds_nobody_up(pipe: Pipe) -> None:
    sink = started(pipe.writing, capacity=20_000)
    sink.write(f"first {'x' * 5000}\n")  # longer than the pipe: the thread stands in this line
    pipe.wait_for_data()
    began = time.monotonic()
    for number in range(1000):
        sink.write(f"{number} {'x' * 100}\n")
    took = time.monotonic() - began
    assert took < 0.5
    assert sink.dropped > 500

    began = time.monotonic()
    sink.close(5)
    assert time.monotonic() - began < 2  # it does not wait for one that reads nothing

    pipe.read()
    wait_until(lambda: b"could not be written" in pipe.data, seconds=5)
    first, *lines, last = pipe.data.decode().splitlines()
    assert first.startswith("first ")
    assert last == f"{sink.dropped} log lines could not be written"
    assert [line.partition(" ")[0] for line in lines] == [str(n) for n in range(len(lines))]
    assert len(lines) + sink.dropped == 1000


def test_a_line_that_is_longer_than_all_that_may_wait_is_dropped_and_the_notice_follows(
    pipe: Pipe,
) -> None:
    pipe.read()
    sink = started(pipe.writing, capacity=20)
    sink.write("x" * 20 + "\n")

    wait_until(lambda: pipe.data == b"1 log lines could not be written\n", seconds=5)
    assert sink.dropped == 1


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


def test_a_line_that_was_cut_off_does_not_run_into_the_next(tmp_path: Path, pipe: Pipe) -> None:
    sink = started(pipe.writing)
    sink.write("x" * 10_000 + "\n")
    pipe.wait_for_data()
    pipe.close_reading()  # after the first 4096 bytes
    wait_until(lambda: sink.dropped == 1, seconds=5)

    log = tmp_path / "log"
    with log.open("w") as file:
        os.dup2(file.fileno(), pipe.writing)
    sink.write("next\n")
    sink.close(5)

    assert log.read_text() == "\n1 log lines could not be written\nnext\n"


def test_a_file_that_another_program_made_non_blocking_still_gets_every_line(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing, False)
    sink = started(pipe.writing)
    for number in range(200):
        sink.write(f"{number} {'x' * 100}\n")
    pipe.wait_for_data()
    pipe.read()
    sink.close(5)

    wait_until(lambda: pipe.data.count(b"\n") == 200, seconds=5)
    assert sink.dropped == 0


def test_processes_that_share_a_pipe_do_not_write_into_each_others_lines(pipe: Pipe) -> None:
    pipe.read()
    sinks = [started(pipe.dup()) for _ in range(2)]
    for number in range(2000):
        for name, sink in zip("ab", sinks, strict=True):
            sink.write(f"{name} {number} {name * 60}\n")
    for sink in sinks:
        sink.close(5)

    wait_until(lambda: pipe.data.count(b"\n") == 4000, seconds=5)
    for line in pipe.data.decode().splitlines():
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
