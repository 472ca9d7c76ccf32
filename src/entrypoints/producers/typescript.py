"""The helper for producers in TypeScript: one module that needs nothing but Node's own types."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.channels import DEFAULT
from entrypoints.producers.shapes import (
    FIELDS,
    MESSAGE,
    TEMPLATE,
    AliasType,
    EitherShape,
    ListShape,
    MapShape,
    NamedShape,
    ObjectType,
    ProducerTypes,
    Shape,
    TemplateType,
    filled,
    options_of,
    quoted,
)

_WIDTH = 80  # as prettier formats
_INDENT = "  "
_BREAKABLE = re.compile(r"(readonly \(|Readonly<)(.*)(\)\[\]|>)")
_BASICS = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "anything": "unknown",
}
_ANY_PARAMETERS = "Readonly<Record<string, unknown>>"


def typescript_helper(types: ProducerTypes) -> str:
    """The text of the module, as prettier formats it."""
    skeleton = (Path(__file__).parent / "publisher.ts.txt").read_text("utf-8")
    pieces = [_definition(one) for one in types.definitions]
    pieces.append(_interface(types.fields))
    pieces += _messages(types.templates)
    return filled(skeleton, {"TYPES": "\n\n".join(pieces), "QUEUE": DEFAULT.name})


def _definition(one: ObjectType | AliasType) -> str:
    if isinstance(one, ObjectType):
        return _interface(one)
    return _note(one.note) + _alias(one.name, _parts(one.shape))


def _interface(one: ObjectType) -> str:
    lines = [f"export interface {one.name} {{"]
    for field in one.fields:
        lines += [_note(field.note, _INDENT).removesuffix("\n")] * bool(field.note)
        lines += _member(_key(field.name), _parts(field.shape), is_required=field.is_required)
    return _note(one.note) + "\n".join([*lines, "}"])


def _key(name: str) -> str:
    return name if name.replace("$", "_").isidentifier() else quoted(name)


def _member(key: str, options: Sequence[str], *, is_required: bool) -> list[str]:
    begin = f"{_INDENT}{key}{'' if is_required else '?'}:"
    line = f"{begin} {' | '.join(options)};"
    if len(line) <= _WIDTH:
        return [line]
    if len(options) > 1:
        return [begin, *_broken(options, _INDENT * 2)]
    broken = _BREAKABLE.fullmatch(options[0])
    if broken is None:
        return [line]
    opening, inner, closing = broken.groups()
    inside = options_of(inner, "(<", ")>") if closing == ")[]" else [inner]
    if closing == ")[]" and len(inside) == 1:
        return [line]
    return [f"{begin} {opening}", *_broken(inside, _INDENT * 2, ""), f"{_INDENT}{closing};"]


def _broken(options: Sequence[str], indent: str, end: str = ";") -> list[str]:
    """A type on the lines after its name."""
    line = f"{indent}{' | '.join(options)}{end}"
    if len(line) <= _WIDTH or len(options) == 1:
        return [line]
    *others, last = [f"{indent}| {option}" for option in options]
    return [*others, f"{last}{end}"]


def _messages(templates: Sequence[TemplateType]) -> Iterator[str]:
    """A type for the message of each template, and one for all."""
    if not templates:
        yield f"export type {TEMPLATE} = string;"
        members = [
            *_member("template", [TEMPLATE], is_required=True),
            *_member("parameters", [_ANY_PARAMETERS], is_required=False),
        ]
        yield _extended(MESSAGE, "A message.", members)
        return
    yield _alias(TEMPLATE, [quoted(one.template) for one in templates])
    for one in templates:
        parameters = one.parameters.name if one.parameters else _ANY_PARAMETERS
        members = [
            *_member("template", [quoted(one.template)], is_required=True),
            *_member("parameters", [parameters], is_required=one.needs_parameters),
        ]
        yield _extended(one.name, f"A message for the template `{one.template}`.", members)
    yield _alias(MESSAGE, [one.name for one in templates])


def _extended(name: str, note: str, members: Sequence[str]) -> str:
    lines = [f"export interface {name} extends {FIELDS} {{", *members, "}"]
    return _note(note) + "\n".join(lines)


def _parts(shape: Shape) -> list[str]:
    """The type in TypeScript, its options apart."""
    match shape:
        case EitherShape(options):
            return list(dict.fromkeys(text for one in options for text in _parts(one)))
        case ListShape(item):
            inner = " | ".join(_parts(item))
            return [f"readonly ({inner})[]" if " | " in inner else f"readonly {_element(inner)}[]"]
        case MapShape(value):
            return [f"Readonly<Record<string, {' | '.join(_parts(value))}>>"]
        case NamedShape(name):
            return [name]
        case _:
            return [_BASICS[shape]]


def _element(text: str) -> str:
    return f"({text})" if text.startswith("readonly ") else text


def _alias(name: str, options: Sequence[str]) -> str:
    """An alias, broken where prettier breaks it."""
    line = f"export type {name} = {' | '.join(options)};"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"export type {name} =", *_broken(options, _INDENT)])


def _note(text: str, indent: str = "") -> str:
    """A comment above what follows, or nothing."""
    return f"{indent}/** {' '.join(text.split()).replace('*/', '* /')} */\n" if text else ""
