"""The parser: Jinja2's, which also says where a block begins that is not closed, and knows the tags
`trans` and `do`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

if TYPE_CHECKING:
    from jinja2.ext import Extension

_UNCLOSED = "unclosed translation block"  # what the library says at the end of the file


class SetParser(Parser):
    """Parses the files of a set."""

    def __init__(self, environment: Environment, *arguments: Any, **more: Any) -> None:
        super().__init__(environment, *arguments, **more)
        self.extensions = _Tags(environment)
        self._lines: list[int] = []

    def parse_statement(self) -> nodes.Node | list[nodes.Node]:
        """Parse a statement; where it fails its line stays known."""
        self._lines.append(self.stream.current.lineno)
        statement = super().parse_statement()
        self._lines.pop()
        return statement

    def fail(
        self,
        msg: str,
        lineno: int | None = None,
        exc: type[TemplateSyntaxError] = TemplateSyntaxError,
    ) -> NoReturn:
        """Fail; an open `trans` is named where it begins."""
        if msg == _UNCLOSED and self._lines:
            msg, lineno = "The block 'trans' has no {% endtrans %}.", self._lines[-1]
        super().fail(msg, lineno, exc)

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


class _Tags(dict[str, Callable[[Parser], nodes.Node | list[nodes.Node]]]):
    """The tags of the library's extensions, which are loaded where a file has such a tag."""

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self._environment = environment

    def get(self, tag: str, default: Any = None) -> Any:
        if tag not in ("trans", "do"):
            return default
        from jinja2 import ext

        kind: type[Extension] = ext.i18n if tag == "trans" else ext.do
        extension = kind.__new__(kind)  # it would change the environment's globals
        extension.environment = self._environment
        return extension.parse
