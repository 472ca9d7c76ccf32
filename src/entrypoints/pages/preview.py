"""`dispatcher preview`."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

import click

from adapters.channels import CHANNELS, DEFAULT
from adapters.templates import (
    Example,
    ExampleBroken,
    FilesystemTemplates,
    RenderOptions,
    TemplateSetBroken,
    examples_of,
    lint,
    list_templates,
)
from adapters.templates.failures import RenderFailure
from domain.content import Content
from domain.errors import DeliveryError
from entrypoints.container import render_options
from entrypoints.pages.web import (
    STYLE,
    PageReply,
    foreign,
    missing,
    page,
    remote_pictures,
    serve,
)
from entrypoints.start import load

_NO_LOCALE = "-"


@click.command("preview")
@click.option("--port", type=click.IntRange(0, 65535), default=8026, show_default=True)
def command(port: int) -> None:
    """Show every template with its examples in a browser, on this machine only.

    Each reload reads the files again. Faults are shown with file and line.
    """
    settings = load()
    preview = Preview(settings.templates_dir, render_options(settings))
    serve(preview.answer, port, "templates")


@dataclass(frozen=True, slots=True)
class _View:
    """One example of a template in one locale. `pictures`: remote ones are loaded."""

    templates: FilesystemTemplates
    name: str
    example: Example
    locale: str | None
    pictures: bool

    def address(self, *, locale: str | None = None) -> str:
        """Where it is shown, in its own or another locale (`_NO_LOCALE`: without one)."""
        return _address(self.name, self.example.name, locale or self.locale or _NO_LOCALE)

    def render(self, channel: str) -> Content:
        """Raises DeliveryError."""
        request = self.example.request(self.name, channel, datetime.now(UTC))
        return self.templates.render(replace(request, locale=self.locale))


@dataclass(frozen=True, slots=True)
class Preview:
    """Answers with the templates as they are on disk at the moment of asking."""

    root: Path
    options: RenderOptions

    def answer(self, path: str) -> PageReply:
        """The page at `path`."""
        match [unquote(part) for part in path.split("/")[1:]]:
            case [""]:
                return self._list()
            case ["style.css"]:
                return STYLE
            case ["t", name, *rest]:
                try:
                    return self._template(name, rest)
                except (TemplateSetBroken, ExampleBroken) as broken:
                    return page("fault", title=name, fault=broken)
            case _:
                return missing()

    def _load(self) -> FilesystemTemplates:
        return FilesystemTemplates(self.root, options=self.options, allow_broken=True)

    def _list(self) -> PageReply:
        findings = lint(self.root, self.options, datetime.now(UTC))
        errors = [finding for finding in findings if finding.severity == "error"]
        try:
            snapshot = self._load().snapshot
        except TemplateSetBroken:
            return page("templates", title="Templates", rows=(), others=errors)
        infos = {info.name: info for info in list_templates(snapshot)}
        names = sorted({*infos, *snapshot.broken})
        faults = {name: [one for one in errors if one.template == name] for name in names}
        return page(
            "templates",
            title="Templates",
            rows=[(name, infos.get(name), faults[name]) for name in names],
            others=[error for error in errors if error.template not in names],
            hints=[finding for finding in findings if finding.severity == "warning"],
            root=self.root,
            address=_address,
        )

    def _template(self, name: str, rest: list[str]) -> PageReply:
        templates = self._load()
        snapshot = templates.snapshot
        if faults := snapshot.broken.get(name):
            raise TemplateSetBroken(faults)
        if name not in snapshot.templates:
            return missing()
        examples = examples_of(snapshot, name) or (Example(name="none", path="", message={}),)
        chosen = next((one for one in examples if not rest or one.name == rest[0]), None)
        if chosen is None:
            return missing()
        own = chosen.request(name, DEFAULT.name, datetime.now(UTC)).locale
        locale = own if len(rest) < 2 else (None if rest[1] == _NO_LOCALE else rest[1])
        view = _View(templates, name, chosen, locale, pictures=rest[-1:] == ["pictures"])
        match rest[2:]:
            case ["html", channel] | ["html", channel, "pictures"] if channel in CHANNELS:
                return _html(view, channel)
            case [_, *others] if others or not view.pictures:
                return missing()
        [info] = (one for one in list_templates(snapshot) if one.name == name)
        locales = sorted({*info.locales, *filter(None, (own, locale))})
        several = examples if len(examples) > 1 else ()
        return page(
            "template",
            title=name,
            view=view,
            by_name={one.name: _address(name, one.name) for one in several},
            by_locale={one: view.address(locale=one) for one in [*locales, _NO_LOCALE] if locales},
            channels=[_channel(view, channel) for channel in info.channels],
        )


def _address(*parts: str) -> str:
    return "/t/" + "/".join(quote(part, safe="") for part in parts)


def _channel(view: _View, channel: str) -> dict[str, object]:
    """What one channel sends, or why it sends nothing."""
    try:
        content = view.render(channel)
    except DeliveryError as error:
        place = error.place if isinstance(error, RenderFailure) else None
        where = f"{place.path}:{place.line}: {place.source.strip()}\n" if place else ""
        return {"name": channel, "fault": where + str(error), "parts": {}}
    return {
        "name": channel,
        "has_subject": CHANNELS[channel].carries_subject,
        "subject": content.subject,
        "hosts": remote_pictures(content.parts.get("html", "")),
        "parts": {
            name: json.dumps(json.loads(text), ensure_ascii=False, indent=2)
            if name.endswith(".json")
            else text
            for name, text in content.parts.items()
        },
    }


def _html(view: _View, channel: str) -> PageReply:
    try:
        html = view.render(channel).parts.get("html")
    except DeliveryError as error:
        return page("fault", title="It does not render", fault=error)
    return missing() if html is None else foreign(html, pictures=view.pictures)
