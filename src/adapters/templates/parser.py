"""Jinja2's parser, which also says where a block that is not closed begins."""

from typing import Any, NoReturn

from jinja2 import TemplateSyntaxError, nodes
from jinja2.parser import Parser


class PlacingParser(Parser):
    """Of a block without an end, the library names the line where the file ends."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._lines: list[int] = []

    def parse_statement(self) -> nodes.Node | list[nodes.Node]:
        """Parse a statement; where it fails its line stays known."""
        self._lines.append(self.stream.current.lineno)
        statement = super().parse_statement()
        self._lines.pop()
        return statement

    def _fail_ut_eof(
        self, name: str | None, end_token_stack: list[tuple[str, ...]], lineno: int | None
    ) -> NoReturn:
        """Fail for an unknown tag, or for the end of the file if `name` is None."""
        try:
            super()._fail_ut_eof(name, end_token_stack, lineno)
        except TemplateSyntaxError as error:
            if self._tag_stack:
                begin = self._lines[len(self._tag_stack) - 1]
                error.args = (f"{error.message} It begins in line {begin}.",)
                error.lineno = begin if name is None else error.lineno
            raise
