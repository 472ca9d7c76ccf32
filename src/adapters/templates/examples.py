"""The sample messages that lie next to templates."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path

from adapters.templates.catalogue import example_of
from adapters.texts import nearest
from domain.notification import InvalidNotification, JsonValue, Recipient
from domain.ports import RenderRequest
from domain.value_object import value_object

_PARAMETERS = "parameters"
_LIKENESS = 0.8  # from 0 to 1; a field of a message may have any name


@value_object(kw_only=True)
class Example:
    """A sample message that lies next to a template; `message` is the whole object as written."""

    name: str
    path: str
    message: Mapping[str, JsonValue] = field(repr=False)

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """What the template sees."""
        parameters = self.message.get("parameters")
        return parameters if isinstance(parameters, Mapping) else {}

    def request(self, template: str, channel: str, now: datetime) -> RenderRequest:
        """The request that this message would lead to."""
        texts = {key: value for key, value in self.message.items() if isinstance(value, str)}
        try:
            recipient = Recipient.parse(texts.get("to", "")).address
        except InvalidNotification:
            recipient = None  # several, none, or nonsense: what a template sees in a wider mail
        return RenderRequest(
            template=template,
            channel=channel,
            parameters=self.parameters,
            subject=texts.get("subject"),
            recipient=recipient,
            locale=texts.get("locale"),
            timezone=texts.get("timezone"),
            now=now,
        )


class ExampleBroken(ValueError):
    """An example that is no sample message; the message names the file."""


def read_example(path: str, text: str | None) -> Example:
    """The example in this file. Raises ExampleBroken."""
    if text is None:
        raise ExampleBroken(f"{path}: cannot be read, or is not UTF-8")
    try:
        message = json.loads(text)
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        remedy = "names and texts need double quotes, and the last of several no comma after it"
        raise ExampleBroken(f"{path} line {line}: is not JSON: {error}; {remedy}") from None
    except RecursionError:
        raise ExampleBroken(f"{path} line 1: is too deep; write fewer objects in one") from None
    if not isinstance(message, dict):
        raise ExampleBroken(f"{path} line 1: must be an object, with an object in 'parameters'")
    if _PARAMETERS not in message and (near := nearest(_PARAMETERS, message, _LIKENESS)):
        where = _line_of(near, text)
        raise ExampleBroken(
            f"{path} line {where}: {near!r} is no field of a message; did you mean 'parameters'?"
        )
    if not isinstance(message.get(_PARAMETERS, {}), dict):
        where = _line_of(_PARAMETERS, text)
        raise ExampleBroken(
            f'{path} line {where}: \'parameters\' must be an object, such as {{"name": "Ann"}}'
        )
    return Example(name=Path(path).stem, path=path, message=message)


def example_faults(texts: Mapping[str, str], templates: Collection[str]) -> Iterator[str]:
    """What is wrong with the examples of these templates, in files with these texts."""
    for path in sorted(texts):
        if example_of(path) in templates:
            try:
                read_example(path, texts[path])
            except ExampleBroken as fault:
                yield str(fault)


def _line_of(name: str, text: str) -> int:
    """The line that this field is in."""
    found = re.search(rf"{re.escape(json.dumps(name))}\s*:", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1
