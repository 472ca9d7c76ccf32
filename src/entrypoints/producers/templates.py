"""The schemas of all templates of a set."""

from itertools import chain
from typing import Any

from adapters.templates import Snapshot
from adapters.templates.examples import ExampleBroken
from adapters.templates.parameters_schema import parameters_schema
from domain.errors import DispatcherError
from entrypoints.settings import variable


class SchemasIncomplete(DispatcherError):
    """Some template has no schema; the message has one line for each fault."""


def schemas_of(snapshot: Snapshot, *, is_strict: bool) -> dict[str, dict[str, Any]]:
    """The schema of each template's parameters, by name. Raises SchemasIncomplete: producers must
    not lose a template because it does not compile today."""
    faults = sorted(set(chain(*snapshot.broken.values())))
    schemas = {}
    for name in sorted(snapshot.templates):
        try:
            schemas[name] = parameters_schema(snapshot, name, is_strict=is_strict)
        except ExampleBroken as error:
            faults.append(str(error))
    if not (schemas or faults):
        faults.append(f"{variable('templates_dir')}: there is no template in the folder")
    if faults:
        raise SchemasIncomplete("\n".join(faults))
    return schemas
