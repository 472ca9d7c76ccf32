"""From a syntax tree to Python code: Jinja2's own generator, and what it leaves to chance.

Two questions only the source can answer: whether `order.items` is called, and what the expression
is called whose value is null. Both are answered here, once for each file, so that rendering costs
no more than before.
"""

# ruff: noqa: N802 - the names that Jinja2 looks for

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame

from adapters.templates.nulls import INSERT_ARGUMENTS, MAKE_TEXT


class Generator(CodeGenerator):
    """Compiles for an environment that has `method_of`, `printed`, `null` and `refuse_null`."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._callee: nodes.Node | None = None
        self._guarded: dict[int, str] = {}

    def visit(self, node: nodes.Node, *arguments: Any, **more: Any) -> Any:
        """Visit a node, with a check around it where a null would become a text."""
        name = self._guarded.pop(id(node), None)
        if name is None:
            return super().visit(node, *arguments, **more)
        self.write("(_value if (_value := ")
        super().visit(node, *arguments, **more)
        self.write(f") is not None else environment.null({name!r}))")
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
                self._guard(*_arguments(node))
        super().visit_Call(node, frame, forward_caller=forward_caller)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        """`order.items` is the message's own key."""
        if not self._is_method(node, node.node, frame):
            super().visit_Getattr(node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        """`order["items"]` likewise."""
        if not self._is_method(node, node.node, frame):
            super().visit_Getitem(node, frame)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:
        """A filter for texts is given no null."""
        if node.name in MAKE_TEXT and node.node is not None:
            self._guard(node.node)
        if node.name in INSERT_ARGUMENTS:
            self._guard(*_arguments(node))
        super().visit_Filter(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """`~` joins no null."""
        self._guard(*node.nodes)
        super().visit_Concat(node, frame)

    def visit_Mod(self, node: nodes.BinExpr, frame: Frame) -> None:
        """`"%s" % name` inserts no null."""
        right = node.right
        self._guard(*(right.items if isinstance(right, nodes.Tuple | nodes.List) else [right]))
        super().visit_Mod(node, frame)

    def _is_method(self, node: nodes.Expr, owner: nodes.Expr, frame: Frame) -> bool:
        if node is not self._callee:
            return False
        self._callee = None
        self.write("environment.method_of(")
        self.visit(owner, frame)
        self.write(f", {_attribute(node)!r})")
        return True

    def _guard(self, *expressions: nodes.Expr) -> None:
        if self.environment.refuse_null:  # type: ignore[attr-defined]
            self._guarded |= {
                id(one): described(one) for one in expressions if not isinstance(one, nodes.Const)
            }

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):
            self.environment.printed(node.as_const(frame.eval_ctx), "")  # type: ignore[attr-defined]
        return super()._output_child_to_const(node, frame, finalize)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        super()._output_child_pre(node, frame, finalize)
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
