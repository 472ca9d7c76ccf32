"""`dispatcher preview`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

import click

from adapters.channels import DEFAULT
from adapters.templates import (
    Example,
    ExampleBroken,
    FilesystemTemplates,
    Finding,
    RenderOptions,
    TemplateInfo,
    TemplateSetBroken,
    examples_of,
    lint,
    list_templates,
)
from adapters.templates.failures import RenderFailure
from domain.content import Content
from domain.errors import DeliveryError
from entrypoints.cli.local_server import PageReply, serve
from entrypoints.cli.pages import foreign, frame, missing, page, remote_pictures, style
from entrypoints.container import render_options
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
    info: TemplateInfo
    example: Example
    locale: str | None
    pictures: bool

    def address(self, *, locale: str | None = None) -> str:
        """Where it is shown, in its own or another locale (`_NO_LOCALE`: without one)."""
        chosen = locale or self.locale or _NO_LOCALE
        return _address(self.info.name, self.example.name, chosen)

    def render(self, channel: str) -> Content:
        """Raises DeliveryError."""
        request = self.example.request(self.info.name, channel, datetime.now(UTC))
        return self.templates.render(replace(request, locale=self.locale))


class Preview:
    """Answers with the templates as they are on disk at the moment of asking."""

    def __init__(self, root: Path, options: RenderOptions) -> None:
        self._root = root
        self._options = options

    def answer(self, path: str) -> PageReply:
        """The page at `path`."""
        match [unquote(part) for part in path.split("/")[1:]]:
            case [""]:
                return self._list()
            case ["style.css"]:
                return style()
            case ["t", name, *rest]:
                return self._template(name, rest)
            case _:
                return missing()

    def _load(self) -> FilesystemTemplates:
        return FilesystemTemplates(self._root, options=self._options, allow_broken=True)

    def _list(self) -> PageReply:
        findings = lint(self._root, self._options, datetime.now(UTC))
        errors = [finding for finding in findings if finding.severity == "error"]
        hints = _problems(f for f in findings if f.severity == "warning")
        hints = f"<details><summary>Hints</summary>{hints}</details>" if hints else ""
        try:
            templates = self._load()
        except TemplateSetBroken:
            return page("Templates", _problems(errors))
        rows = {info.name: _row(info) for info in list_templates(templates.snapshot)}
        rows |= {name: _broken_row(name) for name in templates.snapshot.broken}
        problems = _problems(error for error in errors if error.template not in rows)
        listed = "".join(
            f"<li>{rows[name]}{_problems(e for e in errors if e.template == name)}</li>"
            for name in sorted(rows)
        )
        empty = "" if rows else f"<p>There is no template in {escape(str(self._root))}.</p>"
        above = '<span class="soft">as they are on disk; reload to see a change</span>'
        body = f'{problems}{empty}<ul class="list">{listed}</ul>{hints}'
        return page("Templates", body, above=above)

    def _template(self, name: str, rest: list[str]) -> PageReply:
        try:
            templates = self._load()
            snapshot = templates.snapshot
            if faults := snapshot.broken.get(name):
                return page(name, _bad("\n".join(faults)), above=_BACK)
            info = next(one for one in list_templates(snapshot) if one.name == name)
            examples = examples_of(snapshot, name) or (Example(name="none", path="", message={}),)
        except (TemplateSetBroken, ExampleBroken) as broken:
            return page(name, _bad(str(broken)), above=_BACK)
        except StopIteration:
            return missing()
        return self._example(templates, info, examples, rest)

    def _example(
        self,
        templates: FilesystemTemplates,
        info: TemplateInfo,
        examples: tuple[Example, ...],
        rest: list[str],
    ) -> PageReply:
        chosen = [one for one in examples if not rest or one.name == rest[0]]
        if not chosen:
            return missing()
        own = chosen[0].request(info.name, DEFAULT.name, datetime.now(UTC)).locale
        locale = own if len(rest) < 2 else (None if rest[1] == _NO_LOCALE else rest[1])
        view = _View(templates, info, chosen[0], locale, pictures=rest[-1:] == ["pictures"])
        match rest[2:]:
            case [] | ["pictures"]:
                body = _navigation(view, examples, own) + _channels(view)
                return page(info.name, body, above=_BACK)
            case ["html"] | ["html", "pictures"]:
                return _html(view)
            case _:
                return missing()


_BACK = '<a href="/">all templates</a>'


def _address(*parts: str) -> str:
    return "/t/" + "/".join(quote(part, safe="") for part in parts)


def _row(info: TemplateInfo) -> str:
    examples = ", ".join(Path(path).stem for path in info.examples) or "no example"
    locales = f" · {', '.join(info.locales)}" if info.locales else ""
    return (
        f'<a href="{_address(info.name)}"><span class="channel soft">'
        f"{len(info.examples)} {'example' if len(info.examples) == 1 else 'examples'}</span>"
        f'<span class="subject">{escape(info.name)}</span><span class="when"></span>'
        f'<span class="to soft">{escape(", ".join(info.channels) + locales)} · '
        f"{escape(examples)}</span></a>"
    )


def _broken_row(name: str) -> str:
    return (
        f'<a href="{_address(name)}"><span class="channel soft">broken</span>'
        f'<span class="subject">{escape(name)}</span><span class="when"></span></a>'
    )


def _bad(text: str) -> str:
    return f'<p class="bad">{escape(text)}</p>'


def _problems(findings: Iterable[Finding]) -> str:
    lines = [
        f'<p class="{"bad" if one.severity == "error" else "soft"}">'
        f"{escape(one.file)}{f':{one.line}' if one.line else ''}: {escape(one.text)}</p>"
        for one in findings
    ]
    return "".join(lines)


def _navigation(view: _View, examples: tuple[Example, ...], own: str | None) -> str:
    by_name = {
        one.name: _address(view.info.name, one.name) for one in examples if len(examples) > 1
    }
    locales = sorted({*view.info.locales, *filter(None, (own, view.locale))})
    by_locale = {one: view.address(locale=one) for one in [*locales, _NO_LOCALE] if locales}
    return (
        _choice("Example", by_name, view.example.name)
        + _choice("Locale", by_locale, view.locale or _NO_LOCALE)
        + ("" if view.example.path else "<p>It has no example: nothing is given to it.</p>")
    )


def _choice(label: str, addresses: Mapping[str, str], chosen: str) -> str:
    if not addresses:
        return ""
    links = " · ".join(
        f"<strong>{escape(_shown(name))}</strong>"
        if name == chosen
        else f'<a href="{escape(address)}">{escape(_shown(name))}</a>'
        for name, address in addresses.items()
    )
    return f'<p><span class="soft">{label}:</span> {links}</p>'


def _shown(name: str) -> str:
    return "none" if name == _NO_LOCALE else name


def _channels(view: _View) -> str:
    return "".join(f"<h2>{escape(name)}</h2>{_channel(view, name)}" for name in view.info.channels)


def _channel(view: _View, channel: str) -> str:
    try:
        content = view.render(channel)
    except DeliveryError as error:
        place = error.place if isinstance(error, RenderFailure) else None
        where = f"{place.path}:{place.line}: {place.source.strip()}\n" if place else ""
        return _bad(where + str(error))
    subject = f"<dl><dt>Subject</dt><dd>{escape(content.subject or '')}</dd></dl>"
    html = _framed(view, content.parts["html"]) if "html" in content.parts else ""
    head = subject + html if channel == DEFAULT.name else ""
    parts = "".join(
        f'<p class="soft">{escape(name)}</p><pre>{escape(_readable(name, text))}</pre>'
        for name, text in content.parts.items()
        if name != "html"
    )
    return head + parts


def _framed(view: _View, html: str) -> str:
    address = f"{view.address()}/html" + ("/pictures" if view.pictures else "")
    return _about_pictures(view, html) + frame(address, "email as HTML")


def _about_pictures(view: _View, html: str) -> str:
    """Say which pictures are not shown, or are, and link to the other way."""
    hosts = remote_pictures(html)
    if not hosts:
        return ""
    said = f"This mail loads pictures from {', '.join(hosts)}."
    if view.pictures:
        switch = f'They are shown. <a href="{escape(view.address())}">Do not load them</a>'
    else:
        address = escape(f"{view.address()}/pictures")
        switch = f'They are not loaded here. <a href="{address}">Load them</a>'
    return f'<p class="soft">{escape(said)} {switch}</p>'


def _readable(name: str, text: str) -> str:
    if not name.endswith(".json"):
        return text
    return json.dumps(json.loads(text), ensure_ascii=False, indent=2)


def _html(view: _View) -> PageReply:
    try:
        html = view.render(DEFAULT.name).parts.get("html")
    except DeliveryError as error:
        return page("It does not render", _bad(str(error)))
    return missing() if html is None else foreign(html, pictures=view.pictures)
