"""Log lines as they are configured: colours on a terminal only; a bad line does no harm."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import Literal

import pytest
import structlog

from adapters.observers.logs import configure_logs
from adapters.observers.sink import LogSink

ESCAPE = "\x1b"

Format = Literal["console", "json"] | None


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def configured(stream: io.StringIO | None, log_format: Format, **options: bool) -> LogSink:
    with redirect_stderr(stream):
        return configure_logs(log_format, "INFO", **options)


def logged(stream: io.StringIO, **options: bool) -> str:
    configured(stream, "console", **options)
    structlog.get_logger().warning("something happened", detail="x")
    logging.getLogger("a.library").warning("said something")
    return stream.getvalue()


def test_field_8_13_console_lines_in_a_pipe_have_no_colour_codes() -> None:
    text = logged(io.StringIO())

    assert "something happened" in text
    assert "said something" in text
    assert ESCAPE not in text


def test_field_8_13_a_terminal_gets_colours_unless_they_are_not_wanted() -> None:
    assert ESCAPE in logged(Terminal())
    assert ESCAPE not in logged(Terminal(), may_colour=False)


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_field_1_1_a_value_that_cannot_be_written_costs_a_line_and_raises_nothing(
    log_format: Format,
) -> None:
    stream = io.StringIO()
    sink = configured(stream, log_format)

    structlog.get_logger().info("strange", value=Unspeakable())
    structlog.get_logger().info("next")

    assert sink.dropped == 1
    first, second = stream.getvalue().splitlines()
    assert first == "a log line could not be made"
    assert "next" in second


def test_a_closed_stderr_is_not_replaced_by_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sink = configured(None, None)

    structlog.get_logger().info("to whom")

    assert sink.dropped == 1
    assert capsys.readouterr().out == ""


def test_the_line_about_dropped_lines_is_a_log_line() -> None:
    sink = configured(io.StringIO(), "json")

    entry = json.loads(sink.notice(7))

    assert (entry["level"], entry["lines"]) == ("warning", 7)
    assert entry["event"] == "log lines could not be written and are dropped"


def test_a_message_id_is_no_address() -> None:
    stream = io.StringIO()
    configured(stream, "json")

    structlog.get_logger().info("sent", message_id="<aa@shop.example>", error="no ann@shop.example")

    line = json.loads(stream.getvalue())
    assert line["message_id"] == "<aa@shop.example>"
    assert line["error"] == "no ***@shop.example"
