"""Make Python code of a template's syntax tree: Jinja2's own generator, with two checks more.

Only the source shows whether `order.items` is a call, and how an expression is written whose value
is null. Both are found out here, once for each file, so that rendering is no slower. And the code
says what the file itself has printed, which is the same in every mail.
"""

# ruff: noqa: N802 - the names that Jinja2 looks for

from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, optimizeconst

from adapters.templates.expressions import arguments_of, attribute_of, described, name_value
from adapters.templates.messages import (
    CHANGES,
    FORMATS,
    GETTEXT,
    PLURAL,
    gettext_of,
    texts_without_values,
    uses_in,
)
from adapters.templates.values import ACCEPT_NULL, INSERT_ARGUMENTS, MAKE_TEXT

_ORDERS = frozenset(("gt", "gteq", "lt", "lteq"))
_CHECK = "check"  # the attribute of a node that says how its value is checked
_NO_NULL = "is not None"
_NO_LIST = ".__class__ not in (list, type(None))"
_IS_TEXT = ".__class__ is str"
_YIELD_ALL = "yield from "


class Generator(CodeGenerator):
    """Compiles for an environment that has `method_of`, `printed`, `as_text`, `escaped`,
    `escape_text`, `writes_json` and `refuse_null`."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._chunks = dict[str, None]()
        self._changes, self._gettext = False, frozenset[str]()
        self._buffer: str | None = None  # into which a file is included

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        """Note what is checked, then generate. An unknown filter or test is refused wherever it
        stands: the library does so only where every rendering comes to it."""
        filters, tests = self.environment.filters, self.environment.tests
        asked = {  # as `{% if "markdown" is filter %}`
            one.node.value
            for one in node.find_all(nodes.Test)
            if one.name in ("filter", "test") and isinstance(one.node, nodes.Const)
        }
        for kind, word, known in ((nodes.Filter, "filter", filters), (nodes.Test, "test", tests)):
            for used in node.find_all(kind):
                if used.name not in known and used.name not in asked:
                    self.fail(f"No {word} named {used.name!r}.", used.lineno)
        uses = uses_in(node)
        self._changes, self._gettext = CHANGES in uses, gettext_of(node)
        for fault, line in texts_without_values(node):
            self.fail(fault, line)
        for one in list(node.find_all(nodes.Node)):
            self._note(one)
        super().visit_Template(node, frame)
        self.writeline(f"chunks = {tuple(self._chunks)!r}")
        self.writeline(f"uses = {uses!r}")

    def visit(self, node: nodes.Node, *arguments: Any, **more: Any) -> Any:
        """Visit a node, with a check around it where its value is used as a text, or at all."""
        method, text, is_sound = vars(node).get(_CHECK, ("", "", ""))
        if not method:
            super().visit(node, *arguments, **more)
        elif method == "method_of":
            self.write("environment.method_of(")
            self.visit(node.node, *arguments, **more)  # type: ignore[attr-defined]
            self.write(f", {text!r})")
        else:
            sound = "_value"
            if method == "printed" and self._escapes_text(arguments[0]):
                sound, method = "environment.escape_text(_value)", "escaped"
            self.write(f"({sound} if (_value := ")
            super().visit(node, *arguments, **more)
            self.write(f") {is_sound} else environment.{method}(_value, {text!r}))")

    def _escapes_text(self, frame: Frame) -> bool:
        """Whether what is printed here is escaped as HTML, and nothing else is done to it."""
        context = frame.eval_ctx
        is_sure = context.autoescape and not context.volatile
        return bool(is_sure) and self.environment.finalize is None

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if not self._escapes_text(frame):
            super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if not self._escapes_text(frame):
            super()._output_child_post(node, frame, finalize)

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        self._chunks["".join(group)] = None
        return super()._output_const_repr(group)

    @optimizeconst
    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        """A key that an object has is read without a call; the sandbox sees to all else."""
        self.write(f"(_owner[{node.attr!r}] if (_owner := ")
        self.visit(node.node, frame)
        self.write(
            f").__class__ is dict and {node.attr!r} in _owner"
            f" else environment.getattr(_owner, {node.attr!r}))"
        )

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        """In a file with `do`, a list that is written out is the file's own."""
        self._own("list", super().visit_List, node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        """As a list."""
        self._own("dict", super().visit_Dict, node, frame)

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:
        """One in a call has become a constant."""
        if type(node.value) in (list, dict):
            self._own(type(node.value).__name__, super().visit_Const, node, frame)
        else:
            super().visit_Const(node, frame)

    def visit_Include(self, node: nodes.Include, frame: Frame) -> None:
        """The library forgets the buffer of a macro where a file is included without context."""
        self._buffer = frame.buffer
        super().visit_Include(node, frame)
        self._buffer = None

    def writeline(self, x: str, node: nodes.Node | None = None, extra: int = 0) -> None:
        """Write a line of code; of a file that is included into a buffer, one that fills it."""
        if self._buffer and x.startswith(_YIELD_ALL):
            x = f"{self._buffer}.extend({x.removeprefix(_YIELD_ALL)})"
        super().writeline(x, node, extra)

    def _own(self, kind: str, visit: Callable[[Any, Frame], None], node: Any, frame: Frame) -> None:
        self.write(f"environment.own_{kind}(" * self._changes)
        visit(node, frame)
        self.write(")" * self._changes)

    def _note(self, node: nodes.Node) -> None:
        """Note what must hold of the values that a node uses."""
        match node:
            case nodes.Output():
                if not self.environment.writes_json:  # type: ignore[attr-defined]
                    self._make_text(*node.nodes)
                self._check("printed", _IS_TEXT, *node.nodes)
            case nodes.Call():
                self._note_call(node)
            case nodes.Filter():
                self._note_filter(node)
            case nodes.For():
                self._need(node.iter)
            case nodes.Concat():
                self._make_text(*node.nodes)
            case nodes.Mod():
                self._need(node.left)
                self._make_text(node.right)
            case nodes.BinExpr() if not isinstance(node, nodes.And | nodes.Or):
                self._need(node.left, node.right)
            case nodes.Compare():
                self._note_order(node)

    def _note_call(self, node: nodes.Call) -> None:
        """`order.items()` calls the method, whether or not there is such a key."""
        if isinstance(node.node, nodes.Name) and node.node.name in self._gettext:
            shape = GETTEXT[node.node.name]
            self._note_message(node, len(shape))
            if "plural" in shape:
                name_value(node, *node.args[len(shape) :][:1])
            return
        name = attribute_of(node.node)
        if name is not None:
            vars(node.node)[_CHECK] = ("method_of", name, "")
        if name == "format":
            self._make_text(*arguments_of(node))

    def _note_message(self, node: nodes.Call | nodes.Filter, texts: int) -> None:
        """A text that stands here is no value; what is put into it is text."""
        self._make_text(*arguments_of(node))
        for index, one in enumerate(node.args[:texts]):
            if isinstance(one, nodes.Const) and isinstance(one.value, str):
                node.args[index] = nodes.MarkSafe(one, lineno=one.lineno)

    def _note_filter(self, node: nodes.Filter) -> None:
        """A filter that needs a value is given no null."""
        if node.name in FORMATS or node.name == PLURAL:
            self._note_message(node, 2 * (node.name == PLURAL))
            name_value(node, node.node)
        given = [] if node.node is None else [node.node]
        if node.name in INSERT_ARGUMENTS:
            self._make_text(*arguments_of(node))
        if node.name in MAKE_TEXT:
            self._make_text(*given)
        elif node.name == "join":
            separator = node.args[:1] or [one.value for one in node.kwargs if one.key == "d"]
            self._make_text(*separator)
            if len(separator) < len(arguments_of(node)):
                self._need(*given)  # one attribute of each item is joined
            else:
                self._make_text(*(one for one in given if not isinstance(one, nodes.Dict)))
                self._check("as_text", _NO_LIST, *given)
        elif node.name not in ACCEPT_NULL:
            self._need(*given)

    def _note_order(self, node: nodes.Compare) -> None:
        """A null is equal to something or not, and neither more nor less than it."""
        before = node.expr
        for operand in node.ops:
            if operand.op in _ORDERS:
                self._need(before, operand.expr)
            elif operand.op in {"in", "notin"}:
                self._need(operand.expr)
            before = operand.expr

    def _make_text(self, *expressions: nodes.Expr) -> None:
        """Check these, and the items of lists and objects that are written out, as texts."""
        for one in expressions:
            match one:
                case nodes.Const() | nodes.TemplateData():
                    pass
                case nodes.List() | nodes.Tuple():
                    self._make_text(*one.items)
                case nodes.Dict():
                    self._make_text(*(pair.value for pair in one.items))
                case _:
                    self._check("as_text", _IS_TEXT, one)

    def _need(self, *expressions: nodes.Node) -> None:
        """Check these for a null."""
        if self.environment.refuse_null:  # type: ignore[attr-defined]
            for one in expressions:
                if not isinstance(one, nodes.Const):
                    vars(one).setdefault(_CHECK, ("as_text", described(one), _NO_NULL))

    def _check(self, method: str, is_sound: str, *expressions: nodes.Node) -> None:
        for one in expressions:
            vars(one)[_CHECK] = (method, described(one), is_sound)

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            self.environment.printed(node.as_const(frame.eval_ctx), "")  # type: ignore[attr-defined]
        return super()._output_child_to_const(node, frame, finalize)
