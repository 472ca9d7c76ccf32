"""What was found wrong in the field has a test for each line, by its number: `test_field_5_3_…`."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
_NUMBERED = re.compile(r"^ *(?:async )?def test_field_(\d+)_(\d+)_\w+", re.MULTILINE)

KINDS = {
    1: ("a log that cannot be written must not stop the mail", 3),
    2: ("recipients lost in silence", 3),
    3: ("templates that say the wrong thing", 12),
    4: ("the text part", 8),
    5: ("relays as they are", 18),
    6: ("mail features that others have", 6),
    7: ("broker and environment", 15),
    8: ("commands and docs", 15),
}
"""Number of a kind -> what it is about, and how many lines it has."""


def test_every_line_from_the_field_has_a_test_and_no_test_another_number() -> None:
    there = {
        (int(kind), int(line))
        for file in TESTS.rglob("test_*.py")
        for kind, line in _NUMBERED.findall(file.read_text("utf-8"))
    }
    lines = {(kind, line) for kind, (_, last) in KINDS.items() for line in range(1, last + 1)}

    assert sorted(lines - there) == []
    assert sorted(there - lines) == []
