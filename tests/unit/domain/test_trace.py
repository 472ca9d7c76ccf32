"""Which texts may be passed on as a `traceparent`."""

import pytest

from domain.trace import trace_id, well_formed

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_well_formed_one_is_passed_on_as_it_is_and_names_its_trace() -> None:
    assert well_formed(TRACE) == TRACE
    assert trace_id(TRACE) == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("later", "ours"),
    [
        ("01" + TRACE[2:], TRACE),
        ("cc" + TRACE[2:] + "-what-the-future-will-be-like", TRACE),
        ("01" + TRACE[2:] + "-", TRACE),
        ("01" + TRACE[2:-2] + "ff-0", TRACE),
        ("01" + TRACE[2:-2] + "02", TRACE[:-2] + "00"),
        ("01" + TRACE[2:] + "-\r\nX-Injected: 1", TRACE),
    ],
)
def test_one_of_a_later_version_is_read_as_far_as_it_is_known_and_becomes_one_of_ours(
    later: str, ours: str
) -> None:
    assert well_formed(later) == ours


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-1-2-01",
        TRACE.upper(),
        TRACE + "\r\nX-Injected: 1",
        TRACE + "\n",
        TRACE + "-extra",
        " " + TRACE,
        "ff" + TRACE[2:],
        "ff" + TRACE[2:] + "-extra",
        "01" + TRACE[2:] + "extra",
        "01" + TRACE[2:] + ".extra",
        "01" + TRACE[2:-1],
        "1" + TRACE[2:],
        TRACE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        TRACE.replace("b7ad6b7169203331", "0" * 16),
    ],
)
def test_any_other_text_is_not(text: str) -> None:
    assert well_formed(text) is None
