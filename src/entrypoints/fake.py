"""Made-up messages: a template's examples with the names, places and numbers made anew by Faker.

Only commands import this module: Faker costs a third of a second and 20 MiB.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice

from faker import Faker

from adapters.templates.inspection import examples_of, variables_of
from adapters.templates.snapshot import Snapshot
from domain.notification import JsonValue

_fake = Faker()

# The first entry whose word is part of the parameter's name decides; what fits none stays as the
# example has it, since only its author knows what it means.
_BY_WORD: Sequence[tuple[str, Callable[[], str]]] = (
    ("email", _fake.email),
    ("first_name", _fake.first_name),
    ("last_name", _fake.last_name),
    ("company", _fake.company),
    ("city", _fake.city),
    ("country", _fake.country),
    ("street", _fake.street_address),
    ("address", _fake.address),
    ("phone", _fake.phone_number),
    ("name", _fake.name),
    ("user", _fake.user_name),
)


def fake_messages(snapshot: Snapshot, template: str, count: int) -> Iterator[dict[str, JsonValue]]:
    """`count` messages for a template. Recipients are at example.com, .net and .org.

    Raises KeyError where the snapshot has no such template, ExampleBroken where an example is no
    message.
    """
    examples = examples_of(snapshot, template)
    sources: list[Mapping[str, JsonValue]] = [example.message for example in examples]
    if not sources:
        names = sorted(variables_of(snapshot, template))
        sources = [{"parameters": {name: _word(name) for name in names}}]
    for source in islice(cycle(sources), count):
        yield {
            **source,
            "to": f"{_fake.name()} <{_fake.email()}>",
            "parameters": _vary("", source.get("parameters", {})),
        }


def _word(name: str) -> str:
    made = _vary(name, "")
    return made if isinstance(made, str) and made else _fake.word()


def _vary(name: str, value: JsonValue) -> JsonValue:
    if isinstance(value, Mapping):
        return {key: _vary(key, item) for key, item in value.items()}
    if isinstance(value, str):
        made = next((make for word, make in _BY_WORD if word in name.lower()), None)
        return made() if made else value
    if isinstance(value, Sequence):
        return [_vary(name, item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    varied = value * random.uniform(0.5, 1.5)  # noqa: S311 - made-up figures, no secret
    return round(varied) if isinstance(value, int) else round(varied, 2)
