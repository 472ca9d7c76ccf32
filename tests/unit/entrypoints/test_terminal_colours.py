"""Whether colours are wanted."""

import pytest

from entrypoints.settings.sources import may_colour


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, True),
        ({"TERM": "xterm-256color"}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_field_8_13_no_color_and_a_dumb_terminal_want_no_colours(
    environ: dict[str, str], wanted: bool
) -> None:
    assert may_colour(environ) is wanted
