"""What an expression of a template is, read off its syntax tree."""

from jinja2 import nodes

EXPRESSION = "_expression"
"""By this name a filter of ours is given how its value is written."""


def described(node: nodes.Node | None) -> str:
    """An expression as an error names it: its source, without arguments and branches."""
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
            text = f"{described(node.node)}({'…' if arguments_of(node) else ''})"
        case nodes.Filter() if node.node is not None:
            text = f"{described(node.node)} | {node.name}{'(…)' if arguments_of(node) else ''}"
        case nodes.CondExpr():
            text = f"{described(node.expr1)} if …"
        case _:
            written_out: dict[object, str] = {nodes.List: "[…]", nodes.Dict: "{…}"}
            text = written_out.get(type(node), "an expression")
    return text


def attribute_of(node: nodes.Node) -> str | None:
    """`items` of `order.items` and of `order["items"]`."""
    match node:
        case nodes.Getattr(attr=str(name)) | nodes.Getitem(arg=nodes.Const(value=str(name))):
            return name
    return None


def arguments_of(node: nodes.Call | nodes.Filter) -> list[nodes.Expr]:
    """All that is given to a call by its name or its place, in the file."""
    return [*node.args, *(one.value for one in node.kwargs if one.key != EXPRESSION)]


def name_value(node: nodes.Call | nodes.Filter, value: nodes.Expr | None = None) -> None:
    """See that a function of ours is given how its value is written."""
    expression = "a text" if value is None else described(value)
    named = nodes.Keyword(EXPRESSION, nodes.Const(expression))
    node.kwargs.append(named)  # type: ignore[arg-type]
