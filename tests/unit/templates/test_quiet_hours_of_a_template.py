"""`[quiet]` in template.toml."""

from datetime import time

import pytest

from domain.quiet_hours import QuietHours
from tests.unit.templates.conftest import Folder, faults


def quiet(folder: Folder, text: str) -> QuietHours | None:
    folder.write({"t/text.jinja2": "x", "t/template.toml": text})
    return folder.render("t").envelope.quiet


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[quiet]\nfrom = "22:00"\nuntil = "08:00"\n',
            QuietHours(start=time(22), end=time(8)),
        ),
        (
            "[quiet]\nfrom = 21:30:00\nuntil = 07:00:00\ntimezone = 'Europe/Rome'\nurgent = 9\n",
            QuietHours(start=time(21, 30), end=time(7), zone="Europe/Rome", urgent=9),
        ),
        (
            'quiet = { from = "12:00", until = "13:00", timezone = "UTC" }',
            QuietHours(start=time(12), end=time(13)),
        ),
        ("priority = 4", None),
    ],
)
def test_the_hours_become_part_of_the_envelope(
    folder: Folder, text: str, expected: QuietHours | None
) -> None:
    assert quiet(folder, text) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('quiet = "22:00"', "must be a table such as"),
        ("[quiet]", "from: is missing; until: is missing"),
        ('quiet = { from = "22:00" }', "until: is missing"),
        ('quiet = { from = "24:00", until = "08:00" }', "from: must be a time such as 22:00"),
        ('quiet = { from = "9pm", until = 8 }', "from: must be a time such as 22:00; until: must"),
        ('quiet = { from = "08:00", until = "08:00" }', "until: must not be the same time as from"),
        (
            'quiet = { from = "22:00", until = "08:00", timezone = "Europe/Rom" }',
            "timezone: 'Europe/Rom' is no time zone; name one such as Europe/Rome",
        ),
        (
            'quiet = { from = "22:00", until = "08:00", urgent = 300 }',
            "urgent: must be a whole number from 0 to 255",
        ),
        (
            'quiet = { from = "22:00", until = "08:00", timzone = "UTC" }',
            "timzone: is no key of it; did you mean 'timezone'?",
        ),
    ],
)
def test_what_is_wrong_with_them_is_named(folder: Folder, text: str, fault: str) -> None:
    (only,) = faults(folder.write({"t/text.jinja2": "x", "t/template.toml": text}))

    assert only.startswith(f"t/template.toml line 1: quiet: {fault}")
