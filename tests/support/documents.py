"""A Markdown document as the tests read it: its prose, its code, the commands it shows."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

EXAMPLE = Path(__file__).resolve().parents[1] / "examples/carrier"
"""What the page on adding a channel adds to the tree."""
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SHELL = {"", "sh", "bash", "console"}
_ENDS = re.compile(r"[|&;<>]+|\d>")


@dataclass(frozen=True, slots=True)
class Document:
    """`folder` is where its relative links start."""

    text: str
    folder: Path

    @classmethod
    def read(cls, path: Path) -> "Document":
        return cls(path.read_text("utf-8"), path.parent)

    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def code(self) -> list[str]:
        """Every fenced block and code span."""
        return [block for _, block in _FENCE.findall(self.text)] + _SPAN.findall(self.prose())

    def commands(self, program: str) -> Iterator[list[str]]:
        """The words after `program`, wherever it stands as a command in a shell block or a span;
        `program` may also be the module of a `python -m`."""
        for line in self._shell_lines():
            for words in _simple_commands(line):
                if words and PurePosixPath(words[0]).name == program:
                    yield words[1:]
                if "-m" in words[:2] and words[words.index("-m") + 1 :][:1] == [program]:
                    yield words[words.index("-m") + 2 :]

    def _shell_lines(self) -> Iterator[str]:
        for language, block in _FENCE.findall(self.text):
            if language in _SHELL:
                yield from block.replace("\\\n", " ").splitlines()
        yield from _SPAN.findall(self.prose())


def _simple_commands(line: str) -> Iterator[list[str]]:
    """The commands of a line, without what stands before and after them."""
    try:
        words = shlex.split(line.removeprefix("$ "), comments=True)
    except ValueError:  # an apostrophe in a span of prose
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if _ENDS.fullmatch(word):
            yield command
            command = []
        elif command or not _ASSIGNMENT.match(word):
            command.append(word)
