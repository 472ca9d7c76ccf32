"""From a syntax tree to Python code: Jinja2's own generator, and what it leaves to chance.

Two questions only the source can answer: whether `order.items` is called, and what the expression
is called whose value is null. Both are answered here, once for each file, so that rendering costs
no more than before.
"""

# ruff: noqa: N802 - the names that Jinja2 looks for

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, optimizeconst

from adapters.templates.values import ACCEPT_NULL, INSERT_ARGUMENTS, MAKE_TEXT

_ORDERS = frozenset(("gt", "gteq", "lt", "lteq"))


class Generator(CodeGenerator):
    """Compiles for an environment that has `method_of`, `printed`, `as_text`, `null`
    and `refuse_null`."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._callee: nodes.Node | None = None
        self._checks: dict[int, tuple[str, str]] = {}

    def visit(self, node: nodes.Node, *arguments: Any, **more: Any) -> Any:
        """Visit a node, with a check around it where its value is used as a text, or at all."""
        self._check_operands(node)
        check, name = self._checks.pop(id(node), ("", ""))
        if not check:
            return super().visit(node, *arguments, **more)
        self.write("(_value if (_value := ")
        super().visit(node, *arguments, **more)
        is_sound = "is not None" if check == "null" else ".__class__ is str"
        self.write(f") {is_sound} else environment.{check}(_value, {name!r}))")
        return None

    def visit_Call(
        self,
        node: nodes.Call,
        frame: Frame,
        forward_caller: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """`order.items()` calls the method, whether or not there is such a key."""
        if _attribute(node.node) is not None:
            self._callee = node.node
            if _attribute(node.node) == "format":
                self._make_text(*_arguments(node))
        super().visit_Call(node, frame, forward_caller=forward_caller)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        """`order.items` is the message's own key."""
        if not self._is_method(node, node.node, frame):
            self._item(node, frame)

    @optimizeconst
    def _item(self, node: nodes.Getattr, frame: Frame) -> None:
        """A key that an object has is read without a call; the sandbox sees to all else."""
        self.write(f"(_owner[{node.attr!r}] if (_owner := ")
        self.visit(node.node, frame)
        self.write(
            f").__class__ is dict and {node.attr!r} in _owner"
            f" else environment.getattr(_owner, {node.attr!r}))"
        )

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        """`order["items"]` likewise."""
        if not self._is_method(node, node.node, frame):
            super().visit_Getitem(node, frame)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:
        """A filter that needs a value is given no null."""
        if node.node is not None:
            if node.name in MAKE_TEXT:
                self._make_text(node.node)
            elif node.name == "join":
                self._join(node, node.node)
            elif node.name not in ACCEPT_NULL:
                self._need(node.node)
        if node.name in INSERT_ARGUMENTS:
            self._make_text(*_arguments(node))
        super().visit_Filter(node, frame)

    def _check_operands(self, node: nodes.Node) -> None:
        """Of a null nothing is made but what is said to be made of it."""
        match node:
            case nodes.For():
                self._need(node.iter)
            case nodes.Concat():
                self._make_text(*node.nodes)
            case nodes.Mod():  # `"%s" % name` inserts it
                right = node.right
                self._need(node.left)
                self._make_text(
                    *(right.items if isinstance(right, nodes.Tuple | nodes.List) else [right])
                )
            case nodes.Compare():  # it may be equal to something, and neither more nor less
                before = node.expr
                for operand in node.ops:
                    if operand.op in _ORDERS:
                        self._need(before, operand.expr)
                    elif operand.op in {"in", "notin"}:
                        self._need(operand.expr)
                    before = operand.expr
            case nodes.BinExpr() if not isinstance(node, nodes.And | nodes.Or):
                self._need(node.left, node.right)

    def _is_method(self, node: nodes.Expr, owner: nodes.Expr, frame: Frame) -> bool:
        if node is not self._callee:
            return False
        self._callee = None
        self.write("environment.method_of(")
        self.visit(owner, frame)
        self.write(f", {_attribute(node)!r})")
        return True

    def _join(self, node: nodes.Filter, items: nodes.Expr) -> None:
        separator = node.args[:1] or [one.value for one in node.kwargs if one.key == "d"]
        self._make_text(*separator)
        if len(separator) < len(node.args) + len(node.kwargs):
            self._need(items)  # one attribute of each item is joined
        elif isinstance(items, nodes.List | nodes.Tuple):
            self._make_text(items)
        else:
            self._need(items)
            name: Any = nodes.Keyword("expression", nodes.Const(described(items)))
            node.kwargs = [*node.kwargs, name]

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
                    self._checks[id(one)] = ("as_text", described(one))

    def _need(self, *expressions: nodes.Node) -> None:
        """Check these for a null."""
        if self.environment.refuse_null:  # type: ignore[attr-defined]
            for one in expressions:
                if not isinstance(one, nodes.Const):
                    self._checks.setdefault(id(one), ("null", described(one)))

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            self.environment.printed(node.as_const(frame.eval_ctx), "")  # type: ignore[attr-defined]
        return super()._output_child_to_const(node, frame, finalize)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        super()._output_child_pre(node, frame, finalize)
        is_written_out = isinstance(node, nodes.List | nodes.Tuple | nodes.Dict)
        if is_written_out and not self.environment.writes_json:  # type: ignore[attr-defined]
            self._make_text(node)
        self.write("_value if (_value := ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        name = described(node)
        self.write(f").__class__ is str else environment.printed(_value, {name!r})")
        super()._output_child_post(node, frame, finalize)


def described(node: nodes.Node | None) -> str:
    """An expression as an error names it: its source, without arguments and branches."""
    text = "an expression"
    match node:
        case nodes.Name():
            text = node.name
        case nodes.Const():
            text = repr(node.value)
        case nodes.Getattr():
            text = f"{described(node.node)}.{node.attr}"
        case nodes.Getitem():
            key = described(node.arg) if isinstance(node.arg, nodes.Const) else "…"
            text = f"{described(node.node)}[{key}]"
        case nodes.Call():
            text = f"{described(node.node)}({'…' if node.args or node.kwargs else ''})"
        case nodes.Filter() if node.node is not None:
            arguments = "(…)" if node.args or node.kwargs else ""
            text = f"{described(node.node)} | {node.name}{arguments}"
        case nodes.CondExpr():
            text = f"{described(node.expr1)} if …"
        case nodes.List():
            text = "[…]"
        case nodes.Dict():
            text = "{…}"
    return text


def _attribute(node: nodes.Node) -> str | None:
    """`items` of `order.items` and of `order["items"]`."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _arguments(node: nodes.Call | nodes.Filter) -> Iterator[nodes.Expr]:
    yield from node.args
    yield from (one.value for one in node.kwargs)
