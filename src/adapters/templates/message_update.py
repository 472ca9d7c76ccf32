"""Take the texts to translate out of the templates, and bring the catalogues up to date."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from io import BytesIO
from typing import Any

import jinja2

from adapters.templates.catalogue import LOCALE_FOLDER, SUFFIX, tag_of
from adapters.templates.failures import compile_fault
from adapters.templates.folder import TemplateSetBroken
from adapters.templates.inspection import parsing_environment
from adapters.templates.message_catalogues import (
    CatalogueBroken,
    Key,
    are_complete,
    forms_of,
    plural_forms,
    read_po_text,
)
from adapters.templates.messages import TemplateMessage, messages_in
from adapters.templates.snapshot import Snapshot
from domain.value_object import value_object

_SUBJECT = re.compile(r"^\s*subject\s*=", re.MULTILINE)
_WIDTH = 100
_MILLIONS = "1000000"  # some languages have a form for these, which few fills in


@value_object(kw_only=True)
class CatalogueUpdate:
    """A catalogue as it is to be. `text`: the whole file. `added` and `obsolete`: the texts that
    come and go; where there are such, the file is not up to date. `fuzzy`: those that were
    translated by a guess; `untranslated`: those that are not translated."""

    path: str
    text: str = field(repr=False)
    added: tuple[str, ...]
    obsolete: tuple[str, ...]
    fuzzy: int
    untranslated: int
    total: int

    @property
    def is_current(self) -> bool:
        """Whether the file has the texts of the templates, and no others."""
        return not (self.added or self.obsolete)


def messages_of(snapshot: Snapshot) -> list[tuple[str, TemplateMessage]]:
    """Each text to translate with its file. Raises TemplateSetBroken for what does not parse."""
    environment = parsing_environment()
    found: list[tuple[str, TemplateMessage]] = []
    faults: list[str] = []
    for path, text in sorted(snapshot.texts.items()):
        if path.endswith(SUFFIX):
            try:
                tree = environment.parse(text, path)
            except jinja2.TemplateSyntaxError as error:
                faults.append(compile_fault(path, error, environment))
            else:
                messages = sorted(messages_in(tree), key=lambda one: one.line)
                found += [(path, one) for one in messages]
    if faults:
        raise TemplateSetBroken(tuple(faults))
    return found + list(_in_manifests(snapshot, environment))


def _in_manifests(
    snapshot: Snapshot, environment: jinja2.Environment
) -> Iterator[tuple[str, TemplateMessage]]:
    """The subject in each template.toml whose template has texts to translate, and the texts to
    translate in its preheader and links."""
    for template in snapshot.templates.values():
        path, subject = template.entry.manifest, template.manifest.subject
        for source in template.manifest.sources if path is not None else ():
            yield from ((path or "", one) for one in messages_in(environment.parse(source)))
        if template.translates and path is not None and subject:
            text = snapshot.texts[path]
            at = _SUBJECT.search(text)
            line = text.count("\n", 0, at.end()) + 1 if at else 1
            yield path, TemplateMessage(line=line, singular=subject)


def updated_catalogues(snapshot: Snapshot, locales: Iterable[str]) -> list[CatalogueUpdate]:
    """The catalogues that there are, and those of `locales`, a tag each, with the texts of the
    templates. Raises TemplateSetBroken."""
    found = messages_of(snapshot)
    if left_out := tuple(_left_out(snapshot)):
        raise TemplateSetBroken(left_out)
    there = {tag: path for path in sorted(snapshot.texts) if (tag := tag_of(path))}
    for locale in locales:
        folder = locale.replace("-", "_")
        path = f"{LOCALE_FOLDER}/{folder}/LC_MESSAGES/messages.po"
        there.setdefault(tag_of(path) or folder, path)
    faults: list[str] = []
    updates: list[CatalogueUpdate] = []
    for tag, path in sorted(there.items()):
        try:
            updates.append(_updated(path, tag, snapshot.texts.get(path), found))
        except CatalogueBroken as broken:
            faults.append(str(broken))
    if faults:
        raise TemplateSetBroken(tuple(faults))
    return updates


def _left_out(snapshot: Snapshot) -> Iterator[str]:
    """The fault of each catalogue that is not read, and of two for one language: what is in it
    would be written over."""
    for fault in snapshot.faults:
        path, *more = fault.partition(": ")[0].split()
        if tag_of(path) and ("and" in more or path not in snapshot.texts):
            yield fault


def _updated(
    path: str, tag: str, text: str | None, found: list[tuple[str, TemplateMessage]]
) -> CatalogueUpdate:
    from babel.messages.pofile import write_po

    catalog = _new(path) if text is None else read_po_text(path, text, tag)
    form_of = plural_forms(path, text or "", catalog)
    before = _keys(catalog)
    template = _template(found, catalog.creation_date)
    catalog.update(template)
    after = _keys(catalog)
    file = BytesIO()
    write_po(file, catalog, width=_WIDTH, include_previous=True)
    messages = [one for one in catalog if one.id]
    return CatalogueUpdate(
        path=path,
        text=file.getvalue().decode(),
        added=tuple(key[1] for key in after if key not in before),
        obsolete=tuple(key[1] for key in before if key not in after),
        fuzzy=sum(one.fuzzy for one in messages),
        untranslated=sum(not are_complete(forms_of(one.string), form_of) for one in messages),
        total=len(messages),
    )


def _new(path: str) -> Any:
    """A catalogue without texts; one form for one and one for several, where that is enough."""
    from babel.messages.catalog import Catalog

    language = path.split("/")[1]
    catalog = Catalog(
        locale=language,
        project="Templates",
        version="1",
        header_comment="# Translations template.",
        last_translator="-",
        language_team=language,
        msgid_bugs_address="-",
        charset="utf-8",
        fuzzy=False,
    )
    if _MILLIONS in catalog.plural_expr:
        several = "(n > 1)" if "n == 0" in catalog.plural_expr else "(n != 1)"
        catalog.mime_headers = [("Plural-Forms", f"nplurals=2; plural={several};")]
    return catalog


def _template(found: list[tuple[str, TemplateMessage]], created: Any) -> Any:
    """The texts as a catalogue without translations; its date is that of the catalogue that it is
    for, so that nothing changes where no text does."""
    from babel.messages.catalog import Catalog

    catalog = Catalog(charset="utf-8", creation_date=created, fuzzy=False)
    for path, one in found:
        message_id = one.singular if one.plural is None else (one.singular, one.plural)
        catalog.add(message_id, locations=[(path, one.line)], context=one.context)
    return catalog


def _keys(catalog: Any) -> dict[Key, None]:
    ids = [(one.context, one.id) for one in catalog if one.id]
    return {(context, one if isinstance(one, str) else one[0]): None for context, one in ids}
