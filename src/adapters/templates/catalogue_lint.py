"""What is wrong with catalogues that can be used."""

from collections.abc import Iterator, Mapping

from adapters.templates.folder import TemplateSetBroken
from adapters.templates.message_catalogues import Key, MessageCatalogue, chain_of
from adapters.templates.message_update import messages_of
from adapters.templates.snapshot import Snapshot
from adapters.texts import short_text

_LONGEST = 60


def catalogue_faults(
    snapshot: Snapshot, catalogues: Mapping[str, MessageCatalogue]
) -> Iterator[tuple[str, bool]]:
    """One line for each fault, and whether it is more than a warning."""
    try:
        found = messages_of(snapshot)
    except TemplateSetBroken:
        found = []  # the files that do not parse are findings already
    texts: dict[Key, str] = {}
    for path, one in found:
        texts.setdefault((one.context, one.singular), f"{path} line {one.line}")
    for catalogue in catalogues.values():
        for line, fault in catalogue.left_out():
            yield f"{catalogue.path} line {line}: {fault}", True
        chain = chain_of(catalogues, catalogue.tag)
        left = [key for key in texts if not any(one.is_complete(key) for one in chain)]
        if left:
            first = short_text(left[0][1], _LONGEST)
            line = catalogue.entries[left[0]].line if left[0] in catalogue.entries else 1
            yield (
                (
                    f"{catalogue.path} line {line}: {len(left)} of {len(texts)} texts have no "
                    f"translation, the first is {first!r} in {texts[left[0]]}; "
                    "dispatcher templates messages writes them here"
                ),
                False,
            )
