"""Which keys within its parameters a template reads, read off its syntax."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from jinja2 import nodes

WITH_DEFAULT = frozenset(("default", "d"))
"""Filters that make up for an undefined value."""

ASK_FOR_IT = frozenset(("defined", "undefined"))
"""Tests of a value that may be undefined."""

_MOST_STEPS = 10  # from the variable of a loop to that of the loop around it, and so on

_PAIRS = frozenset(("items", "values", "keys", "dictsort"))
"""Methods and filters that give all that an object has."""

Origins = Mapping[str, str]


def keys_read(trees: Iterable[nodes.Template]) -> set[str]:
    """The paths, such as `order.lines[].price`, that are read without a default, and never asked
    for with `is defined`. What a macro gets is not followed."""
    trees = list(trees)
    origins = _origins(trees)
    asked: set[str] = set()
    read: set[str] = set()
    for tree in trees:
        tests = [one.node for one in tree.find_all(nodes.Test) if one.name in ASK_FOR_IT]
        defaults = [one.node for one in tree.find_all(nodes.Filter) if one.name in WITH_DEFAULT]
        called = [one.node for one in tree.find_all(nodes.Call)]  # a method, and no key
        passed_over = {id(one) for one in (*tests, *defaults, *called)}
        asked.update(path for one in tests if (path := _path(one, origins)))
        read.update(
            path
            for one in tree.find_all((nodes.Getattr, nodes.Getitem))
            if id(one) not in passed_over and (path := _path(one, origins))
        )
    return read - asked


def walked_through(trees: Iterable[nodes.Template]) -> set[str]:
    """The paths of objects of which a template takes whatever keys they have, and names none:
    `extra` of `for key, value in extra.items()`."""
    trees = list(trees)
    origins = _origins(trees)
    walked = {
        path
        for tree in trees
        for node in tree.find_all((nodes.For, nodes.Call, nodes.Filter))
        if (path := _path(_all_of(node) or getattr(node, "iter", None), origins))
    }
    named = {
        path.rpartition(".")[0]
        for tree in trees
        for one in tree.find_all((nodes.Getattr, nodes.Getitem))
        if getattr(one, "attr", "") not in _PAIRS and (path := _path(one, origins))
    }
    return walked - named


def _all_of(node: nodes.Node | None) -> nodes.Node | None:
    """The object of which this gives all keys or values."""
    match node:
        case nodes.Call(node=nodes.Getattr(node=value, attr=name)) if name in _PAIRS:
            return value
        case nodes.Filter(node=value, name=name) if name in _PAIRS:
            return value
    return None


def _origins(trees: Iterable[nodes.Template]) -> Origins:
    """What each variable of a loop or a `set` stands for; a name with several meanings is left
    out."""
    found: dict[str, set[str]] = defaultdict(set)
    for tree in trees:
        for name, value, ending in _made(tree):
            found[name].add(f"{path}{ending}" if (path := _path(value, {})) else "")
    return {name: next(iter(paths)) for name, paths in found.items() if len(paths) == 1}


def _made(tree: nodes.Template) -> Iterator[tuple[str, nodes.Node, str]]:
    for node in tree.find_all((nodes.For, nodes.Assign)):
        match node:
            case nodes.For(target=nodes.Name(name=name), iter=values):
                yield name, values, "[]"
            case nodes.For(target=nodes.Tuple(items=[_, nodes.Name(name=name)]), iter=pairs):
                yield name, _all_of(pairs) or pairs, ".*"
            case nodes.Assign(target=nodes.Name(name=name), node=value):
                yield name, value, ""


def _path(node: nodes.Node | None, origins: Origins) -> str:
    """The way from a parameter; "" where it is not known."""
    match node:
        case nodes.Name():
            return _resolved(node.name, origins)
        case nodes.Getattr():
            base, step = _path(node.node, origins), f".{node.attr}"
        case nodes.Getitem(arg=nodes.Const(value=str() as key)):
            base, step = _path(node.node, origins), f".{key}"
        case nodes.Getitem(arg=nodes.Const(value=int())):
            base, step = _path(node.node, origins), "[]"
        case _:
            return ""
    return base + step if base else ""


def _resolved(path: str, origins: Origins) -> str:
    for _ in range(_MOST_STEPS):
        name = path.partition(".")[0].partition("[")[0]
        if name not in origins:
            return path
        if not (origin := origins[name]):
            return ""
        path = origin + path[len(name) :]
    return ""
