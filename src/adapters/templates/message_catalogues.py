"""Gettext catalogues, `locale/<tag>/LC_MESSAGES/messages.po`, read as they are."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from adapters.templates.catalogue import localized, tag_of
from adapters.templates.messages import placeholders, spoilt_placeholder
from adapters.texts import short_text
from domain.value_object import value_object

_LONGEST = 200
_ON_LINE = re.compile(r" on \d+\Z")
_COUNTED = range(200)  # the numbers of which it is found out which form each has
_FIX = "correct this line, or save the file again with an editor for .po files"

_LINE_END = re.compile(r"\r\n|\r|\n")
_WORD = r"(?:msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)(?![\w\[])"
_BEGINNING = re.compile(rf'"|{_WORD}')
_LINE = re.compile(rf'(?:{_WORD}\s*)?"(?:[^"\\]|\\.)*"')
_NO_LANGUAGE = re.compile(r'\s*"Language:\s*\\n"\s*$')

Key = tuple[str | None, str]
"""A message's context and its text in the template."""


@value_object()
class Translated:
    """One entry. `forms`: the translation, for a plural one for each form; those that are not
    translated are empty. `plural`: the text for several in the template."""

    line: int
    singular: str
    plural: str | None
    forms: tuple[str, ...]
    is_fuzzy: bool = False


@value_object()
class MessageCatalogue:
    """One language. `form_of`: which form a number takes."""

    path: str
    tag: str
    entries: Mapping[Key, Translated] = field(repr=False)
    form_of: Callable[[int], int] = field(repr=False)

    def translated(self, key: Key, number: int | None) -> str:
        """The translation; empty where the message has no entry."""
        entry = self.entries.get(key)
        if entry is None or entry.is_fuzzy or (number is not None and entry.plural is None):
            return ""
        forms = entry.forms
        index = 0 if number is None else self.form_of(abs(number))
        if index < len(forms) and forms[index]:
            return forms[index]
        # Some languages have a form for millions, which many leave empty.
        return next((form for form in reversed(forms[1:]) if form), "")

    def is_complete(self, key: Key) -> bool:
        """Whether there is a translation for each number that is counted."""
        entry = self.entries.get(key)
        return entry is not None and not entry.is_fuzzy and are_complete(entry.forms, self.form_of)

    def left_out(self) -> Iterator[tuple[int, str]]:
        """Each placeholder that a translation leaves out, with its line."""
        numbers = [self.form_of(number) for number in _COUNTED]
        for entry in self.entries.values():
            needed = placeholders(entry.singular if entry.plural is None else entry.plural)
            for index, form in enumerate(() if entry.is_fuzzy else entry.forms):
                left = needed - placeholders(form)
                # The form for one need not say the number.
                may_lack = entry.plural is not None and numbers.count(index) == 1
                for name in sorted(left) if form and len(left) > may_lack else ():
                    yield entry.line, f"the translation leaves out %({name})s"


def forms_of(translation: str | Iterable[str | None] | None) -> tuple[str, ...]:
    """The forms of what Babel has as a translation."""
    forms = [translation] if translation is None or isinstance(translation, str) else translation
    return tuple(form or "" for form in forms) or ("",)


def are_complete(forms: tuple[str, ...], form_of: Callable[[int], int]) -> bool:
    """Whether each form that a number up to 199 takes is there; few write one for millions."""
    needed = set(map(form_of, _COUNTED)) if len(forms) > 1 else {0}
    return all(form for index, form in enumerate(forms) if index in needed)


class CatalogueReader:
    """Reads the catalogues of set after set; one that has not changed is not read again."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[str, MessageCatalogue | None, tuple[str, ...]]] = {}

    def read(
        self, texts: Mapping[str, str], broken: Iterable[str]
    ) -> tuple[dict[str, MessageCatalogue], dict[str, tuple[str, ...]]]:
        """The catalogues of a set by their normal tag, and what is wrong with files by path.
        `broken`: those of which that is known already."""
        found: dict[str, MessageCatalogue] = {}
        faults: dict[str, tuple[str, ...]] = {}
        left = set(texts).difference(broken)
        self._read = {path: one for path, one in self._read.items() if path in left}
        for path in sorted(left):
            tag = tag_of(path)
            if tag is None:
                continue
            if self._read.get(path, (None,))[0] != texts[path]:
                self._read[path] = (texts[path], *read_catalogue(path, tag, texts[path]))
            _, catalogue, faults[path] = self._read[path]
            if catalogue is None:
                continue
            other = found.setdefault(catalogue.tag, catalogue)
            if other is not catalogue:
                faults[path] = (f"{other.path} and {path}: both are one language; keep one",)
        return found, {path: one for path, one in faults.items() if one}


def chain_of(
    catalogues: Mapping[str, MessageCatalogue], locale: str | None
) -> tuple[MessageCatalogue, ...]:
    """The catalogues that serve a locale, the best one first: it-IT, then it."""
    chain: list[MessageCatalogue] = []
    tag = localized(catalogues, locale)
    while tag:
        chain.append(catalogues[tag])
        tag = localized(catalogues, tag.rpartition("-")[0])
    return tuple(chain)


def read_po_text(path: str, text: str, tag: str) -> Any:
    """The text as Babel's Catalog. Raises CatalogueBroken."""
    from babel.messages.pofile import PoFileError, read_po

    at = 0
    _check_lines(path, text)

    def lines() -> Iterator[str]:
        nonlocal at
        for line in _LINE_END.split(text):
            at += 1
            # It would take the language of the folder away.
            yield '""' if _NO_LANGUAGE.match(line) else line

    try:
        catalog = read_po(lines(), locale=tag.replace("-", "_"), abort_invalid=True)
        _ = catalog.num_plurals, catalog.plural_expr
    except PoFileError as error:
        what = short_text(_ON_LINE.sub("", str(error)), _LONGEST)
        raise CatalogueBroken(f"{path} line {error.lineno + 1}: {what}; {_FIX}") from None
    except Exception as error:  # noqa: BLE001 - Babel raises anything for what it does not expect
        what = short_text(error, _LONGEST) or type(error).__name__
        raise CatalogueBroken(f"{path} line {at}: {what}; {_FIX}") from None
    return catalog


def _check_lines(path: str, text: str) -> None:
    """Raise CatalogueBroken for a line that Babel would take, and cut."""
    for number, line in enumerate(_LINE_END.split(text), 1):
        bare = line.strip()
        if bare and bare[0] != "#" and not _LINE.fullmatch(bare):
            what = (
                'the text must stand in "double quotes", and one within it is written \\"'
                if _BEGINNING.match(bare)
                else "begins with no word such as msgid or msgstr"
            )
            raise CatalogueBroken(f"{path} line {number}: {what}; {_FIX}")


class CatalogueBroken(ValueError):
    """A file that is no catalogue; the message has its path and line, and what to do."""


def read_catalogue(
    path: str, tag: str, text: str
) -> tuple[MessageCatalogue | None, tuple[str, ...]]:
    """The catalogue, and one line for each fault."""
    try:
        catalog = read_po_text(path, text, tag)
        form_of = plural_forms(path, text, catalog)
    except CatalogueBroken as broken:
        return None, (str(broken),)
    entries = {
        (one.context, _first(one.id)): Translated(
            line=one.lineno or 1,
            singular=_first(one.id),
            plural=one.id[1] if one.pluralizable else None,
            forms=forms_of(one.string),
            is_fuzzy=one.fuzzy,
        )
        for one in catalog
        if one.id
    }
    faults = tuple(
        f"{path} line {entry.line}: {fault}"
        for entry in entries.values()
        for fault in _unfit(entry)
    )
    return MessageCatalogue(path, tag, entries, form_of), faults


def plural_forms(path: str, text: str, catalog: Any) -> Callable[[int], int]:
    """Which form a number takes. Raises CatalogueBroken."""
    from gettext import c2py

    try:
        form_of: Callable[[int], int] = c2py(catalog.plural_expr)
        list(map(form_of, _COUNTED))
    except (ValueError, ArithmeticError, RecursionError) as error:
        line = text[: text.find("Plural-Forms")].count("\n") + 1
        what = short_text(error, _LONGEST)
        raise CatalogueBroken(
            f"{path} line {line}: Plural-Forms: {what}; take those of the language"
        ) from None
    return form_of


def _first(message_id: str | tuple[str, ...]) -> str:
    return message_id if isinstance(message_id, str) else message_id[0]


def _unfit(entry: Translated) -> Iterator[str]:
    """Placeholders that can get no value."""
    known = placeholders(entry.singular) | placeholders(entry.plural or "")
    for form in () if entry.is_fuzzy else entry.forms:
        for name in sorted(placeholders(form) - known):
            there = ", ".join(f"%({one})s" for one in sorted(known)) or "no placeholder"
            yield f"the translation has %({name})s, and the text has {there}"
        if (spoilt := spoilt_placeholder(form)) and not spoilt_placeholder(entry.singular):
            yield f"the translation has {spoilt!r}; a placeholder is written %(name)s"
