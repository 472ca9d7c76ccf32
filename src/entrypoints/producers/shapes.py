"""Types with names, as a language then writes them in its own way."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from domain.value_object import value_object

Basic = Literal["string", "integer", "number", "boolean", "null", "anything"]


@value_object()
class NamedShape:
    """A type that is defined elsewhere."""

    name: str


@value_object()
class ListShape:
    """A list of any length."""

    item: "Shape"


@value_object()
class MapShape:
    """An object with any names."""

    value: "Shape"


@value_object()
class EitherShape:
    """One of several, null last."""

    options: tuple["Shape", ...]


Shape = Basic | NamedShape | ListShape | MapShape | EitherShape


@value_object(kw_only=True)
class ObjectField:
    """A field of an object."""

    name: str
    shape: Shape
    is_required: bool = False
    note: str = ""


@value_object(kw_only=True)
class ObjectType:
    """An object with these fields."""

    name: str
    fields: tuple[ObjectField, ...]
    note: str = ""


@value_object(kw_only=True)
class AliasType:
    """Another name for a shape."""

    name: str
    shape: Shape
    note: str = ""


@value_object(kw_only=True)
class TemplateType:
    """The message for one template. `parameters` is None where the template has no variable."""

    template: str
    name: str
    parameters: NamedShape | None = None
    needs_parameters: bool = False


@value_object(kw_only=True)
class ProducerTypes:
    """All that a helper is made of, each type after those that it names. `fields`: what every
    message has, without its template and parameters. `templates` is empty where they are not
    known."""

    definitions: tuple[ObjectType | AliasType, ...]
    fields: ObjectType
    templates: tuple[TemplateType, ...]


FIELDS, MESSAGE, TEMPLATE = "MessageFields", "Message", "TemplateName"


def quoted(text: str) -> str:
    """A text in quotes, which Python and TypeScript read alike: double ones unless that saves
    escapes. What would not be seen, or would turn the line around, is escaped."""
    written = "".join(
        one if one.isprintable() or one > "\uffff" else f"\\u{ord(one):04x}"
        for one in json.dumps(text, ensure_ascii=False)
    )
    if text.count('"') <= text.count("'"):
        return written
    inner = written[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inner}'"


def filled(skeleton: str, pieces: Mapping[str, str]) -> str:
    """The skeleton with each `@NAME@` replaced, and what looks so in a piece left alone."""
    return re.sub("@([A-Z]+)@", lambda found: pieces[found[1]], skeleton)


def either(options: Sequence[Shape]) -> Shape:
    """One of these, each once."""
    flat: dict[Shape, None] = {}
    for one in options:
        flat |= dict.fromkeys(one.options if isinstance(one, EitherShape) else [one])
    if "anything" in flat:
        return "anything"
    if "number" in flat:
        flat.pop("integer", None)
    ordered = sorted(flat, key=lambda one: one == "null")
    return ordered[0] if len(ordered) == 1 else EitherShape(tuple(ordered))


def options_of(text: str, opening: str, closing: str) -> list[str]:
    """The options of a type as it is written, split where none of these brackets is open."""
    pieces: list[str] = []
    for piece in text.split(" | "):
        if pieces and _count(pieces[-1], opening) > _count(pieces[-1], closing):
            pieces[-1] += f" | {piece}"
        else:
            pieces.append(piece)
    return pieces


def _count(text: str, brackets: str) -> int:
    return sum(map(text.count, brackets))
