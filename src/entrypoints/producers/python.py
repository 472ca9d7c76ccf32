"""The helper for producers in Python: one module that needs nothing but Python 3.11."""

import textwrap
from collections.abc import Iterator, Sequence
from keyword import iskeyword
from pathlib import Path

from adapters.channels import DEFAULT
from adapters.sqlite.queue import SCHEMA_VERSION
from adapters.sqlite.queue_rows import SCHEMA
from entrypoints.producers.shapes import (
    FIELDS,
    MESSAGE,
    TEMPLATE,
    AliasType,
    EitherShape,
    ListShape,
    MapShape,
    NamedShape,
    ObjectField,
    ObjectType,
    ProducerTypes,
    Shape,
    TemplateType,
    filled,
    options_of,
    quoted,
)

_WIDTH = 88  # as ruff and black format
_INDENT = " " * 4
_BASICS = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "anything": "object",
}
_ANY_PARAMETERS = "Mapping[str, object]"


def python_helper(types: ProducerTypes) -> str:
    """The text of the module, as ruff formats it."""
    skeleton = (Path(__file__).parent / "publisher.py.txt").read_text("utf-8")
    pieces = [_definition(one) for one in types.definitions]
    pieces.append(_typed_dict(types.fields))
    pieces += _messages(types.templates)
    return filled(
        skeleton,
        {
            "TYPES": "\n\n\n".join(pieces),
            "LITERAL": "Literal, " if types.templates else "",
            "SCHEMA": SCHEMA.strip(),
            "VERSION": str(SCHEMA_VERSION),
            "QUEUE": DEFAULT.name,
        },
    )


def _definition(one: ObjectType | AliasType) -> str:
    if isinstance(one, ObjectType):
        return _typed_dict(one)
    alias = _assigned(one.name, _parts(one.shape))
    return f"{alias}\n{_docstring(one.note)}" if one.note else alias


def _typed_dict(one: ObjectType) -> str:
    """A class; what cannot be a name in a class stands in a base of it."""
    plain = [field for field in one.fields if _is_name(field.name)]
    odd = [field for field in one.fields if not _is_name(field.name)]
    if not odd:
        return _class(one.name, "TypedDict", one.note, plain)
    base = f"_{one.name}" if plain else one.name
    items = "".join(f"{_INDENT * 2}{quoted(field.name)}: {_annotation(field)},\n" for field in odd)
    text = f'TypedDict(\n{_INDENT}"{base}",\n{_INDENT}{{\n{items}{_INDENT}}},\n)'
    is_long = len(f"{base} = TypedDict(") > _WIDTH
    text = f"{base} = (\n{textwrap.indent(text, _INDENT)}\n)" if is_long else f"{base} = {text}"
    return f"{text}\n\n\n{_class(one.name, base, one.note, plain)}" if plain else text


def _class(name: str, base: str, note: str, fields: Sequence[ObjectField]) -> str:
    lines = [_header(name, base)]
    if note:
        lines += textwrap.indent(_docstring(note), _INDENT).split("\n")
        lines += [""] * bool(fields)
    for field in fields:
        if field.note:
            lines += textwrap.wrap(
                field.note, _WIDTH, initial_indent=f"{_INDENT}# ", subsequent_indent=f"{_INDENT}# "
            )
        lines += _wrapped(f"{_INDENT}{field.name}: ", _annotation(field))
    return "\n".join(lines)


def _messages(templates: Sequence[TemplateType]) -> Iterator[str]:
    """A type for the message of each template, and one for all."""
    if not templates:
        yield f"{TEMPLATE}: TypeAlias = str"
        fields = f"{_INDENT}template: str\n{_INDENT}parameters: NotRequired[{_ANY_PARAMETERS}]"
        yield f'class {MESSAGE}({FIELDS}):\n{_INDENT}"""A message."""\n\n{fields}'
        return
    names = [quoted(one.template) for one in templates]
    line = f"{TEMPLATE}: TypeAlias = Literal[{', '.join(names)}]"
    if len(line) > _WIDTH and len(names) > 1:
        items = "".join(f"{_INDENT}{name},\n" for name in names)
        line = f"{TEMPLATE}: TypeAlias = Literal[\n{items}]"
    yield line
    for one in templates:
        parameters = one.parameters.name if one.parameters else _ANY_PARAMETERS
        annotation = parameters if one.needs_parameters else f"NotRequired[{parameters}]"
        lines = [
            _header(one.name, FIELDS),
            f'{_INDENT}"""A message for the template `{one.template}`."""',
            "",
            *_wrapped(f"{_INDENT}template: ", f"Literal[{quoted(one.template)}]"),
            *_wrapped(f"{_INDENT}parameters: ", annotation),
        ]
        yield "\n".join(lines)
    yield _assigned(MESSAGE, [one.name for one in templates])


def _header(name: str, base: str) -> str:
    line = f"class {name}({base}):"
    return line if len(line) <= _WIDTH else f"class {name}(\n{_INDENT}{base}\n):"


def _is_name(name: str) -> bool:
    # Python reads a letter such as the ligature fi as another one, and mangles `__x` in a class.
    is_plain = name.isascii() and name.isidentifier() and not name.startswith("__")
    return is_plain and not iskeyword(name)


def _annotation(field: ObjectField) -> str:
    text = " | ".join(_parts(field.shape))
    return text if field.is_required else f"NotRequired[{text}]"


def _parts(shape: Shape) -> list[str]:
    """The type in Python, its options apart."""
    match shape:
        case EitherShape(options):
            return [text for option in options for text in _parts(option)]
        case ListShape(item):
            return [f"Sequence[{' | '.join(_parts(item))}]"]
        case MapShape(value):
            return [f"Mapping[str, {' | '.join(_parts(value))}]"]
        case NamedShape(name):
            return [name]
        case _:
            return [_BASICS[shape]]


def _assigned(name: str, options: Sequence[str]) -> str:
    """An alias, broken where ruff breaks it."""
    line = f"{name}: TypeAlias = {' | '.join(options)}"
    if len(line) <= _WIDTH or len(options) == 1:
        return line
    inner = f"{_INDENT}{' | '.join(options)}"
    if len(inner) > _WIDTH:
        inner = f"\n{_INDENT}| ".join([f"{_INDENT}{options[0]}", *options[1:]])
    return f"{name}: TypeAlias = (\n{inner}\n)"


def _wrapped(begin: str, annotation: str) -> list[str]:
    """`begin` and a type, whose outermost brackets break where it is too long."""
    outer, bracket, inner = annotation.partition("[")
    if len(begin + annotation) <= _WIDTH or not bracket:
        return [begin + annotation]
    return [f"{begin}{outer}[", *_broken(inner[:-1], _INDENT * 2), f"{_INDENT}]"]


def _broken(text: str, indent: str) -> list[str]:
    """A type on lines of its own."""
    if len(indent + text) <= _WIDTH:
        return [indent + text]
    options = options_of(text, "[", "]")
    if len(options) > 1:
        return [indent + options[0], *(f"{indent}| {option}" for option in options[1:])]
    outer, bracket, inner = text.partition("[")
    if not bracket:
        return [indent + text]
    return [f"{indent}{outer}[", *_broken(inner[:-1], indent + _INDENT), f"{indent}]"]


def _docstring(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if len(escaped) + len(_INDENT) + 6 <= _WIDTH and not escaped.endswith('"'):
        return f'"""{escaped}"""'
    return '"""{}\n"""'.format("\n".join(textwrap.wrap(escaped, _WIDTH - len(_INDENT) - 3)))
