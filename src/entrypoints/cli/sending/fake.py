"""Made-up messages: a template's examples with new names, places and numbers by Faker.

Only commands import this module: Faker costs a third of a second and 20 MiB.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from typing import Any

from faker import Faker

from adapters.channels import CHANNELS, DEFAULT
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


def fake_messages(
    snapshot: Snapshot,
    template: str,
    count: int,
    settings: Mapping[str, Any],
    *,
    channel: str = DEFAULT.name,
) -> Iterator[dict[str, JsonValue]]:
    """`count` messages for a template, to made-up recipients of the kind that `channel` takes:
    mailboxes at example.com, .net and .org, chats, rooms, URLs, named targets. `settings`: those of
    each channel.

    Raises KeyError where the snapshot has no such template, ExampleBroken where an example is no
    message.
    """
    examples = examples_of(snapshot, template)
    sources: list[Mapping[str, JsonValue]] = [example.message for example in examples]
    if not sources:
        names = sorted(variables_of(snapshot, template))
        sources = [{"parameters": {name: _vary(name, "") or _fake.word() for name in names}}]
    for source in islice(cycle(sources), count):
        named = source.get("channels") or source.get("fallback")
        several = [str(name) for name in named] if isinstance(named, list) else []
        made = {name: _recipient(name, settings) for name in several or [channel]}
        yield {
            **(source if several else _fit_for(channel, source)),
            "to": made if several else made[channel],
            "parameters": _vary("", source.get("parameters") or {}),
        }


def _fit_for(channel: str, source: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The example without what would take it to another channel, or what this one cannot carry."""
    one = CHANNELS.get(channel, DEFAULT)
    fits = {
        "channel": False,
        "cc": one.carries_copies,
        "bcc": one.carries_copies,
        "attachments": one.carries_files,
    }
    return {name: value for name, value in source.items() if fits.get(name, True)}


def _recipient(channel: str, settings: Mapping[str, Any]) -> JsonValue:
    one = CHANNELS.get(channel, DEFAULT)
    return one.fake_address(_fake, settings[one.name])


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
