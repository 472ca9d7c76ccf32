"""Write log lines in a thread of its own, so that a full disk, a closed pipe or a reader that does
not read costs lines, and never a delivery."""

import io
import os
import select
import stat
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

# Characters that wait to be written; lines beyond them are dropped.
_CAPACITY = 1024 * 1024

_GATHER = 0.02  # seconds: one wake of the thread for many lines
_RETRY = 0.5  # seconds between two tries while nothing can be written
_POLL = 100  # milliseconds
# Seconds without a single write, after which the end does not wait for the last lines.
_STANDSTILL = 0.3


class LogSink:
    """A stream for log lines that never raises and, once started, never blocks.

    Lines keep their order. A line that cannot be written is dropped and counted; once writing works
    again, one line says how many were dropped. Before `start` lines are written at once to
    `stream`; without a stream all are dropped.
    """

    def __init__(self, stream: TextIO | None, *, capacity: int = _CAPACITY) -> None:
        """`capacity` counts characters."""
        self.notice: Callable[[int], str] = "{} log lines could not be written\n".format
        self.dropped = 0
        self._stream = stream
        self._fd = -1
        self._piece = select.PIPE_BUF
        self._capacity = capacity
        self._waiting: list[str] = []
        self._size = 0
        self._overflow = 0
        # Reentrant: a finalizer may log while a line is taken in.
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._unsaid = 0
        self._written = 0
        self._is_broken = False

    def start(self) -> None:
        """Write in the background from here on; not where there is no file to write to."""
        with suppress(OSError, ValueError):
            self._fd = -1 if self._stream is None else self._stream.fileno()
            is_file = self._fd >= 0 and stat.S_ISREG(os.fstat(self._fd).st_mode)
            self._piece = _CAPACITY if is_file else select.PIPE_BUF
        if self._thread is None and self._fd >= 0:
            self._idle.set()
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def write(self, text: str, end: str = "") -> None:
        """Take whole lines in; `end` is added."""
        text += end
        if self._thread is None:
            self._write_directly(text)
            return
        with self._lock:
            if self._size + len(text) > self._capacity:
                self._overflow += _count(text)
                self.drop(_count(text))
            else:
                self._waiting.append(text)
                self._size += len(text)
            if not self._wake.is_set():
                self._idle.clear()
                self._wake.set()

    def drop(self, count: int) -> None:
        """Count lines that are not written."""
        with self._lock:
            self.dropped += count

    def flush(self) -> None:
        """Do nothing: what was taken in is written soon, at the latest by `close`."""

    def close(self, timeout: float) -> None:
        """Write what waits, for at most `timeout` seconds; not for a reader that stands still."""
        if self._thread is None:
            return
        self._closing.set()
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            before = self._written
            if self._idle.wait(min(left, _STANDSTILL)) or self._written == before:
                return

    def _write_directly(self, text: str) -> None:
        if self._stream is None:
            self.drop(_count(text))
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self.drop(_count(text))

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._closing.wait(_GATHER)
            with self._lock:
                lines, self._waiting, self._size = self._waiting, [], 0
                overflow, self._overflow = self._overflow, 0
                if not (lines or overflow):
                    # Only now: while lines come, whoever logs need not wake this thread, which
                    # costs a good part of a mail.
                    self._wake.clear()
                    self._idle.set()
                    continue
            if not self._put(lines, overflow):
                self._closing.wait(_RETRY)

    def _put(self, lines: Sequence[str], overflow: int) -> bool:
        """Write the lines, then how many were dropped after them; whether all could be written."""
        data = "".join(lines).encode("utf-8", "backslashreplace")
        done = self._write_lines(data) if self._say() else 0
        left = data.count(b"\n", done)
        self.drop(left)
        self._unsaid += left + overflow
        return done == len(data) and self._say()

    def _write_lines(self, data: bytes) -> int:
        """Write them in pieces that a pipe takes whole, so that processes which share one do not
        write into each other's lines; a longer line is a piece of its own. Returns as
        `_write_piece`."""
        done = 0
        while done < len(data):
            end = data.rfind(b"\n", done, done + self._piece) + 1
            piece = data[done : end or data.find(b"\n", done) + 1 or len(data)]
            written = self._write_piece(piece)
            done += written
            if written < len(piece):
                break
        return done

    def _say(self) -> bool:
        if not self._unsaid:
            return True
        line = self.notice(self._unsaid).encode("utf-8", "backslashreplace")
        if self._write_piece(line) < len(line):
            return False
        self._unsaid = 0
        return True

    def _write_piece(self, piece: bytes) -> int:
        """Write whole lines; how many bytes of them were written. A line that was cut off before
        is ended first."""
        if self._is_broken and self._write_bytes(b"\n"):
            self._is_broken = False
        if self._is_broken:
            return 0
        done = self._write_bytes(piece)
        self._is_broken = done > 0 and piece[done - 1 : done] != b"\n"
        return done

    def _write_bytes(self, data: bytes) -> int:
        done = 0
        while done < len(data):
            try:
                done += os.write(self._fd, data[done:])
                self._written += 1
            except BlockingIOError:
                # The file does not block, as another program has asked for: do it for it.
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll(_POLL)
            except OSError:
                break
        return done


class LineStream(io.TextIOBase):
    """Stands for `sys.stderr`: what is printed goes through the sink, line by line."""

    def __init__(self, sink: LogSink, stream: TextIO | None) -> None:
        """`stream` is what it stands for."""
        self._sink = sink
        self._stream = stream
        self._part = ""

    encoding = "utf-8"
    errors = "backslashreplace"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        lines, newline, self._part = (self._part + text).rpartition("\n")
        if newline:
            self._sink.write(lines + newline)
        return len(text)

    def finish(self) -> None:
        """Let go of a line that was not ended."""
        if self._part:
            self.write("\n")


def _count(text: str) -> int:
    return text.count("\n") or 1
