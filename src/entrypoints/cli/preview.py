"""`dispatcher preview`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

import click

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
from entrypoints.cli.local_server import Reply, serve
from entrypoints.cli.pages import foreign, frame, missing, page, style
from entrypoints.container import render_options
from entrypoints.start import load

_NO_LOCALE = "-"


@click.command("preview")
@click.option("--port", type=click.IntRange(0, 65535), default=8026, show_default=True)
def command(port: int) -> None:
    """Show every template with its examples in a browser, on this machine only.

    Each reload reads the files again; what does not compile or render is told with file and line.
    """
    settings = load()
    preview = Preview(settings.templates_dir, render_options(settings))
    serve(preview.answer, port, "templates")


@dataclass(frozen=True, slots=True)
class _View:
    """One example of a template in one locale."""

    templates: FilesystemTemplates
    info: TemplateInfo
    example: Example
    locale: str | None

    def address(self, *, example: str | None = None, locale: str | None = None) -> str:
        """Where it is shown, or another example or locale (`_NO_LOCALE`: none) of it."""
        chosen = locale or self.locale or _NO_LOCALE
        return _address(self.info.name, example or self.example.name, chosen)

    def render(self, channel: str) -> Content:
        """Raises DeliveryError."""
        request = self.example.request(self.info.name, channel, datetime.now(UTC))
        return self.templates.render(replace(request, locale=self.locale))


class Preview:
    """Answers with the templates as they are on disk at the moment of asking."""

    def __init__(self, root: Path, options: RenderOptions) -> None:
        self._root = root
        self._options = options

    def answer(self, path: str) -> Reply:
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

    def _list(self) -> Reply:
        findings = lint(self._root, self._options, datetime.now(UTC))
        problems = _problems(f for f in findings if f.severity == "error")
        hints = _problems(f for f in findings if f.severity == "warning")
        hints = f"<details><summary>Hints</summary>{hints}</details>" if hints else ""
        try:
            templates = FilesystemTemplates(self._root, options=self._options)
        except TemplateSetBroken:
            return page("Templates", problems)
        rows = "".join(f"<li>{_row(info)}</li>" for info in list_templates(templates.snapshot))
        empty = "" if rows else f"<p>There is no template in {escape(str(self._root))}.</p>"
        above = '<span class="soft">as they are on disk; reload to see a change</span>'
        body = f'{problems}{empty}<ul class="list">{rows}</ul>{hints}'
        return page("Templates", body, above=above)

    def _template(self, name: str, rest: list[str]) -> Reply:
        try:
            templates = FilesystemTemplates(self._root, options=self._options)
            snapshot = templates.snapshot
            info = next(one for one in list_templates(snapshot) if one.name == name)
            examples = examples_of(snapshot, name) or (Example(name="none", path="", message={}),)
        except (TemplateSetBroken, ExampleBroken) as broken:
            return page(name, f'<p class="bad">{escape(str(broken))}</p>', above=_BACK)
        except StopIteration:
            return missing()
        chosen = [one for one in examples if not rest or one.name == rest[0]]
        if not chosen:
            return missing()
        own = chosen[0].request(name, "email", datetime.now(UTC)).locale
        locale = own if len(rest) < 2 else (None if rest[1] == _NO_LOCALE else rest[1])
        view = _View(templates, info, chosen[0], locale)
        match rest[2:]:
            case []:
                return page(name, _navigation(view, examples, own) + _channels(view), above=_BACK)
            case ["html"]:
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
        return f'<p class="bad">{escape(where + str(error))}</p>'
    subject = f"<dl><dt>Subject</dt><dd>{escape(content.subject or '')}</dd></dl>"
    html = frame(f"{view.address()}/html", f"{channel} as HTML") if "html" in content.parts else ""
    head = subject + html if channel == "email" else ""
    parts = "".join(
        f'<p class="soft">{escape(name)}</p><pre>{escape(_readable(name, text))}</pre>'
        for name, text in content.parts.items()
        if name != "html"
    )
    return head + parts


def _readable(name: str, text: str) -> str:
    if not name.endswith(".json"):
        return text
    return json.dumps(json.loads(text), ensure_ascii=False, indent=2)


def _html(view: _View) -> Reply:
    try:
        html = view.render("email").parts.get("html")
    except DeliveryError as error:
        return page("It does not render", f'<p class="bad">{escape(str(error))}</p>')
    return missing() if html is None else foreign(html)
