"""`--processes auto`: one process for each core that the worker may use."""

import os
from pathlib import Path

import click
import pytest

from entrypoints.cli.worker import Processes
from entrypoints.cores import cores

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["max 100000\n"], ALL),
        (["100000 100000\n"], 1),
        (["150000 100000\n"], 1),
        (["20000 100000\n"], 1),
        (["6400000 100000\n"], ALL),
        (["-1\n", "100000\n"], ALL),
        (["100000\n", "100000\n"], 1),
        (["nonsense"], ALL),
        (["100000 0\n"], ALL),
        ([], ALL),
    ],
)
def test_a_container_s_limit_counts_in_whole_cores(
    tmp_path: Path, texts: list[str], expected: int
) -> None:
    files = [str(tmp_path / str(number)) for number in range(max(1, len(texts)))]
    for file, text in zip(files, texts, strict=False):
        Path(file).write_text(text)

    assert cores([files, ["/nowhere"]]) == expected


def test_an_option_is_a_number_or_auto() -> None:
    read = Processes(1, 64)

    assert read.convert("3", None, None) == 3
    assert 1 <= read.convert("auto", None, None) <= 64


@pytest.mark.parametrize("text", ["0", "65", "many", "-1", "1.5", ""])
def test_another_option_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter, match="auto"):
        Processes(1, 64).convert(text, None, None)
