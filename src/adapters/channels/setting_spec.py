"""How a channel declares a setting of its own."""

from collections.abc import Callable, Iterator
from dataclasses import field, fields
from pathlib import Path
from typing import Any, NamedTuple

from adapters.secret import Secret
from adapters.urls import MASK
from domain.value_object import value_object


class SettingFault(NamedTuple):
    """What is wrong with a setting. `name`: as its variable ends, such as `url`."""

    name: str
    text: str


@value_object(kw_only=True)
class SettingSpec:
    """How one setting is read and shown. `parse` raises ValueError. A secret may be in a
    file, named by `…_FILE`. `captured`: the value it stands for while messages are kept below a
    folder."""

    name: str = ""
    parse: Callable[[str], object] = str
    is_secret: bool = False
    shown: Callable[[str], str] = lambda _secret: MASK
    captured: Callable[[Path], str] | None = None


def setting(default: object = None, *, parse: Callable[[str], object] = str, name: str = "") -> Any:
    """A field of a channel's settings. `name`: where Python reserves the variable's own."""
    return field(default=default, metadata={"spec": SettingSpec(name=name, parse=parse)})


def secret(
    default: str | None = None,
    *,
    shown: Callable[[str], str] = lambda _secret: MASK,
    captured: Callable[[Path], str] | None = None,
) -> Any:
    """A field that holds a Secret. `shown`: what `config show` prints of it."""
    value = None if default is None else Secret(default)
    spec = SettingSpec(is_secret=True, shown=shown, captured=captured)
    return field(default=value, metadata={"spec": spec})


def specs_of(settings: type) -> Iterator[tuple[str, SettingSpec]]:
    """Each field with its spec; one that an operator names, as `targets`, has none."""
    for one in fields(settings):
        if spec := one.metadata.get("spec"):
            yield one.name, spec


def check_secrets(settings: Any, **checks: Callable[[str], object]) -> Iterator[SettingFault]:
    """The faults that the checks, one for a field, raise for its value; one that is not set is
    passed over."""
    for name, check in checks.items():
        value = getattr(settings, name)
        try:
            if value is not None:
                check(value.value if isinstance(value, Secret) else value)
        except ValueError as error:
            yield SettingFault(name, str(error))
