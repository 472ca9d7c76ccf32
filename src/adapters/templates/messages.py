"""What a file has to do with languages: its texts to translate, and what it uses of ours."""

import re
from collections.abc import Iterator

from jinja2 import nodes

from adapters.texts import short_text
from domain.value_object import value_object

GETTEXT = {
    "_": ("singular",),
    "gettext": ("singular",),
    "ngettext": ("singular", "plural"),
    "pgettext": ("context", "singular"),
    "npgettext": ("context", "singular", "plural"),
}
"""What each function's first arguments are."""

_BY_ITSELF = {"num": "plural", "context": "context"}  # the values that a function adds
PLURAL = "plural"
FORMATS = frozenset(("date", "time", "datetime", "number", "currency", "percent"))
"""Filters that need a language's data."""

TRANSLATES, WRITES_FORMATS, CHANGES = "translates", "writes formats", "changes"
"""What a file may do: have texts to translate, use these filters, change what it has made."""

_LONGEST_TEXT = 60
PLACEHOLDER = re.compile(r"%\((?P<name>[^()]*)\)s|%%")
_SPOILT = re.compile(r"%\([^()]*\)(?!s)|%\([^()]*$")


@value_object(kw_only=True)
class TemplateMessage:
    """A text to translate. `given`: the names of the values that it gets; None: not known."""

    line: int
    singular: str
    plural: str | None = None
    context: str | None = None
    given: frozenset[str] | None = None


def placeholders(text: str) -> frozenset[str]:
    """The names of a text's placeholders such as `%(name)s`."""
    return frozenset(one["name"] for one in PLACEHOLDER.finditer(text) if one["name"] is not None)


def spoilt_placeholder(text: str) -> str | None:
    """The first text that was meant as a placeholder but is not one, such as `%(name)`."""
    found = _SPOILT.search(text.replace("%%", ""))
    return found[0] if found else None


def uses_in(tree: nodes.Template) -> tuple[str, ...]:
    """What a file does of TRANSLATES, WRITES_FORMATS and CHANGES."""
    filters = {name for one in tree.find_all(nodes.Filter) for name in _filters_of(one)}
    names = {one.name for one in tree.find_all(nodes.Name) if one.ctx == "load"}
    does = {
        TRANSLATES: not names.isdisjoint(gettext_of(tree)) or PLURAL in filters,
        WRITES_FORMATS: not filters.isdisjoint(FORMATS),
        CHANGES: tree.find(nodes.ExprStmt) is not None,
    }
    return tuple(use for use, is_done in does.items() if is_done)


def _filters_of(node: nodes.Filter) -> Iterator[str]:
    """The filter that is applied, and those that it applies, as `map("date")`."""
    yield node.name
    for one in node.args[:1] if node.name == "map" else ():
        if not isinstance(one, nodes.Const):  # it may be any
            yield from (PLURAL, *FORMATS)
        elif isinstance(one.value, str):
            yield one.value


def gettext_of(tree: nodes.Node) -> frozenset[str]:
    """Those of GETTEXT that are ours in a file: it has no macro of its own of the name. A loop
    over `_` hides ours within the loop alone."""
    names = {one.name for one in tree.find_all(nodes.Macro)}
    names |= {one.target for one in tree.find_all(nodes.Import)}
    for imported in tree.find_all(nodes.FromImport):
        names |= {one if isinstance(one, str) else one[1] for one in imported.names}
    return frozenset(GETTEXT) - names


def messages_in(tree: nodes.Node) -> Iterator[TemplateMessage]:
    """The texts that stand in the file; those that a variable holds are not known."""
    ours = gettext_of(tree)
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ours:
            yield from _message(call, GETTEXT[call.node.name], call.args)
    for one in tree.find_all(nodes.Filter):
        if one.name == PLURAL:
            yield from _message(one, ("singular", "plural"), one.args)


def texts_without_values(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    """What is to be said of each placeholder that gets no value, and its line."""
    for one in messages_in(tree):
        named = placeholders(one.singular) | placeholders(one.plural or "")
        for name in sorted(named - (named if one.given is None else one.given)):
            text = short_text(one.singular, _LONGEST_TEXT)
            yield f"No value for %({name})s in {text!r}; write _('…', {name}=…).", one.line


def _message(
    node: nodes.Call | nodes.Filter, shape: tuple[str, ...], given: list[nodes.Expr]
) -> Iterator[TemplateMessage]:
    texts = {
        name: one.value
        for name, one in zip(shape, given, strict=False)
        if isinstance(one, nodes.Const) and isinstance(one.value, str)
    }
    if len(texts) == len(shape) and texts["singular"]:
        names: set[str] = {str(one.key) for one in node.kwargs}
        names |= {name for name, part in _BY_ITSELF.items() if part in shape}
        known = None if node.dyn_kwargs else frozenset(names)
        yield TemplateMessage(line=node.lineno, **texts, given=known)
