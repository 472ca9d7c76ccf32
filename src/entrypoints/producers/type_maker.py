"""What JSON Schemas say of values, as types with names.

Only what a type can say is taken over. Patterns, lengths and the like are the worker's to check.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from entrypoints.producers.shapes import (
    FIELDS,
    MESSAGE,
    TEMPLATE,
    AliasType,
    Basic,
    ListShape,
    MapShape,
    NamedShape,
    ObjectField,
    ObjectType,
    ProducerTypes,
    Shape,
    TemplateType,
    either,
)

_BY_TEMPLATE = ("template", "parameters")
# What the helpers name themselves, in one language or the other.
_RESERVED = (
    *(FIELDS, MESSAGE, TEMPLATE, "Publisher", "NotStored"),
    *("Publication", "ConfirmChannel", "ReturnedMessage", "Target"),
)


def producer_types(
    message: Mapping[str, Any], templates: Mapping[str, Mapping[str, Any]]
) -> ProducerTypes:
    """The types for the message's schema and those of the templates' parameters, by name."""
    makers = _TypeMaker(message.get("$defs", {}))
    properties = {**message["properties"], "to": _to(message)}
    own = {name: one for name, one in properties.items() if name not in _BY_TEMPLATE}
    fields = makers.fields_of(own, required=message["required"], name=FIELDS)
    found = tuple(_template(makers, name, schema) for name, schema in sorted(templates.items()))
    note = "What a message may have for every template."
    return ProducerTypes(
        definitions=tuple(makers.made),
        fields=ObjectType(name=FIELDS, fields=fields, note=note),
        templates=found,
    )


def _to(message: Mapping[str, Any]) -> dict[str, Any]:
    """What `to` may be, of which the schema says when it may be which."""
    forms = [message[branch]["properties"]["to"] for branch in ("else", "then")]
    return {**message["properties"]["to"], "anyOf": forms}


def _template(makers: "_TypeMaker", name: str, schema: Mapping[str, Any]) -> TemplateType:
    base = pascal(name)
    own = makers.unique(f"{base}Message")
    if not schema["properties"]:
        return TemplateType(template=name, name=own)
    note = f"The variables of the template `{name}`."
    parameters = makers.object_type(schema, f"{base}Parameters", note)
    needed = bool(schema.get("required"))
    return TemplateType(template=name, name=own, parameters=parameters, needs_parameters=needed)


def pascal(name: str) -> str:
    """`order-confirmation` as `OrderConfirmation`; `2fa`, since no name begins so, as `T2fa`."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    return joined if joined[:1].isalpha() else f"T{joined}"


class _TypeMaker:
    """Makes the types that schemas need, under names that each occur once."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        """`definitions`: what the schemas' references name."""
        self.made: list[ObjectType | AliasType] = []
        self._taken = {name.lower() for name in _RESERVED}
        self._definitions = definitions
        self._names: dict[str, str] = {}

    def unique(self, name: str) -> str:
        """The name, or with a number where it is taken."""
        found, number = name, 1
        while found.lower() in self._taken:
            number += 1
            found = f"{name}{number}"
        self._taken.add(found.lower())
        return found

    def fields_of(
        self, properties: Mapping[str, Any], *, required: Iterable[str], name: str
    ) -> tuple[ObjectField, ...]:
        """The fields of an object of that name."""
        return tuple(
            ObjectField(
                name=key,
                shape=self.shape_of(schema, f"{name}{pascal(key)}"),
                is_required=key in required,
                note=schema.get("description", ""),
            )
            for key, schema in properties.items()
        )

    def object_type(self, schema: Mapping[str, Any], name: str, note: str = "") -> NamedShape:
        """An object with fields, as a type of its own."""
        own = self.unique(name)
        required = schema.get("required", ())
        fields = self.fields_of(schema["properties"], required=required, name=own)
        self.made.append(ObjectType(name=own, fields=fields, note=note))
        return NamedShape(own)

    def shape_of(self, schema: Mapping[str, Any], name: str) -> Shape:
        """What a schema takes. `name`: of a type that has to be made for it."""
        if "$ref" in schema:
            return self._defined(schema["$ref"].rpartition("/")[2])
        kinds = schema.get("type")
        if kinds is not None:
            each = [kinds] if isinstance(kinds, str) else kinds
            is_empty_list = schema.get("maxItems") == 0  # what PHP makes of an empty object
            each = [kind for kind in each if not (kind == "array" and is_empty_list)]
            return either([self._of_kind(kind, schema, name) for kind in each])
        if "anyOf" in schema:
            return either([self.shape_of(one, name) for one in schema["anyOf"]])
        if "enum" in schema:  # "" stands for no text, where a text may stand as well
            return either(["null" for value in schema["enum"] if value is None])
        return "anything"

    def _of_kind(self, kind: str, schema: Mapping[str, Any], name: str) -> Shape:
        if kind == "array":
            items = schema.get("items")
            return ListShape(self.shape_of(items, f"{name}Item") if items else "anything")
        if kind != "object":
            return cast("Basic", kind)
        if schema.get("properties"):
            return self.object_type(schema, name, schema.get("description", ""))
        values = schema.get("additionalProperties")
        return MapShape(self.shape_of(values, f"{name}Value") if values else "anything")

    def _defined(self, reference: str) -> NamedShape:
        if reference not in self._names:
            schema = self._definitions[reference]
            name = self._names[reference] = self.unique(pascal(reference))
            note = schema.get("description", "")
            if schema.get("type") == "object":
                fields = self.fields_of(
                    schema["properties"], required=schema.get("required", ()), name=name
                )
                self.made.append(ObjectType(name=name, fields=fields, note=note))
            else:
                shape = self.shape_of({**schema, "description": ""}, name)
                self.made.append(AliasType(name=name, shape=shape, note=note))
        return NamedShape(self._names[reference])
