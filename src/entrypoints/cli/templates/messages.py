"""`dispatcher templates messages`."""

import os
from dataclasses import asdict
from pathlib import Path

import click

from adapters.templates import FilesystemTemplates, TemplateSetBroken
from adapters.templates.message_update import CatalogueUpdate, updated_catalogues
from domain.notification import locale_fault
from entrypoints.cli.application import print_json, words
from entrypoints.container import render_options, templates_folder
from entrypoints.start import load

_MOST_NAMED = 10
_LONGEST = 70


def bring_up_to_date(locales: tuple[str, ...], *, check: bool, as_json: bool) -> int:
    """Update the catalogues, or say what an update would change."""
    for locale in locales:
        _check_language(locale)
    settings = load()
    root = templates_folder(settings)
    try:
        templates = FilesystemTemplates(root, options=render_options(settings), allow_broken=True)
        updates = updated_catalogues(templates.snapshot, locales)
    except TemplateSetBroken as broken:
        for fault in broken.faults:
            words(fault)
        return 1
    if not updates and not check:
        raise click.UsageError("there is no catalogue yet; name a language, such as --locale it")
    for update in updates:
        if not check:
            _write(root / update.path, update.text)
        if not as_json:
            _say(root, update)
    if as_json:
        print_json([_without_text(one) for one in updates])
    return int(check and not all(update.is_current for update in updates))


def _without_text(update: CatalogueUpdate) -> dict[str, object]:
    values = {name: one for name, one in asdict(update).items() if name != "text"}
    return {**values, "is_current": update.is_current}


def _check_language(locale: str) -> None:
    from babel.core import Locale, UnknownLocaleError

    tag = locale.replace("_", "-")
    fault = locale_fault(tag)
    if not fault:
        try:
            Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            fault = "is no language that Babel knows"
    if fault:
        raise click.BadParameter(f"--locale {locale!r}: {fault}; write a tag such as it or pt-BR")


def _say(root: Path, update: CatalogueUpdate) -> None:
    numbers = (
        f"{len(update.added)} new",
        f"{len(update.obsolete)} obsolete",
        f"{update.fuzzy} fuzzy",
        f"{update.untranslated} of {update.total} not translated",
    )
    click.echo(f"{root / update.path}: {', '.join(numbers)}")
    for what, texts in (("new", update.added), ("obsolete", update.obsolete)):
        for text in texts[:_MOST_NAMED]:
            line = " ".join(text.split())
            click.echo(f"  {what}: {line if len(line) <= _LONGEST else line[:_LONGEST] + '…'}")


def _write(path: Path, text: str) -> None:
    """Put the file there whole, by rename, unless it is there already. A link stays a link."""
    path = path.resolve()
    if path.is_file() and path.read_text("utf-8") == text:
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise click.ClickException(f"{path}: {error.strerror}") from None
