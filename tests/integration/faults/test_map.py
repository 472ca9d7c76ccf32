"""The list of faults names tests that exist."""

import re
from pathlib import Path

from tests.integration import faults

TESTS = Path(__file__).resolve().parents[2]


def test_every_fault_has_its_row_and_every_row_a_test_that_exists() -> None:
    text = faults.__doc__ or ""
    there = set[str]()
    for file in TESTS.rglob("*.py"):
        there |= set(re.findall(r"^ *(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    rows = [int(number) for number in re.findall(r"^ ?(\d+)  \w", text, re.MULTILINE)]

    assert rows == list(range(1, 49))
    assert set(re.findall(r"test_\w+", text)) - there == set()
    here = {name for name in there if name.startswith("test_fault_")}
    assert {name for name in here if name not in text} == set()
