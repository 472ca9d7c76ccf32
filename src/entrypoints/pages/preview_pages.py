"""The pages of `dispatcher preview`: the templates as they are on disk."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.channels import CHANNELS, DEFAULT
from adapters.templates import FilesystemTemplates, RenderOptions, Snapshot, TemplateSetBroken
from adapters.templates.inspection import Example, ExampleBroken, examples_of, list_templates
from adapters.templates.lint import LintFinding, LintNotes, lint_set
from domain.errors import DeliveryError
from domain.ports import Notifier
from entrypoints.container import render_options
from entrypoints.pages.live import Refreshes
from entrypoints.pages.preview_send import ExampleSender
from entrypoints.pages.preview_source import findings_of, source_files
from entrypoints.pages.preview_view import NO_LOCALE, ExampleView, address_of
from entrypoints.pages.views import foreign, missing, page
from entrypoints.pages.web import form_of, path_of
from entrypoints.settings import Settings

_NO_EXAMPLE = Example(name="none", path="", message={})


class Preview:
    """Answers with the templates as they are on disk at the moment of asking."""

    def __init__(
        self,
        settings: Settings,
        refreshes: Refreshes,
        *,
        options: RenderOptions | None = None,
        notifiers: Callable[[], Mapping[str, Notifier]] = dict,
    ) -> None:
        """`options`: how to render, if not as the settings say. `notifiers`: what examples are sent
        with."""
        self._settings = settings
        self._root = settings.templates_dir
        self._refreshes = refreshes
        self._options = options or render_options(settings)
        self._notes = LintNotes()
        self._sender = ExampleSender(settings, notifiers)
        self._templates: FilesystemTemplates | None = None

    def routes(self) -> list[BaseRoute]:
        """Where its pages are."""
        return [
            Route("/events", self._refreshes.respond),
            Route("/{path:path}", self._respond, methods=["GET", "POST"]),
        ]

    async def _respond(self, request: Request) -> Response:
        path = path_of(request)
        is_post = request.method == "POST"
        if is_post and path[-1:] != ["send"]:
            return PlainTextResponse("this page only shows", HTTPStatus.METHOD_NOT_ALLOWED)
        match path:
            case [""]:
                return self._list()
            case ["t", name, *rest]:
                return await self._template(request, name, rest)
            case _:
                return missing()

    def _page(self, template: str, **facts: object) -> Response:
        facts |= {"live": self._refreshes.version, "root": self._root}
        return page(template, **facts)  # type: ignore[arg-type]

    def _set(self) -> FilesystemTemplates:
        """The set as it is now. Raises TemplateSetBroken where the folder cannot be read."""
        self._notes.nulls.clear()
        if self._templates is None:
            self._templates = self._notes.templates(self._root, self._options)
        version = self._templates.snapshot.version
        if self._templates.reread().version != version:
            self._notes.styles.clear()  # they are said once for each set
        return self._templates

    def _lint(self, templates: FilesystemTemplates, only: str = "") -> list[LintFinding]:
        return lint_set(templates, self._notes, datetime.now(UTC), only)

    def _list(self) -> Response:
        try:
            templates = self._set()
        except TemplateSetBroken as broken:
            return self._page("templates", title="Templates", rows=(), broken=broken.faults)
        findings, snapshot = self._lint(templates), templates.snapshot
        errors = [finding for finding in findings if finding.severity == "error"]
        infos = {info.name: info for info in list_templates(snapshot)}
        names = sorted({*infos, *snapshot.broken})
        faults = {name: [one for one in errors if one.template == name] for name in names}
        return self._page(
            "templates",
            title="Templates",
            rows=[(name, infos.get(name), faults[name]) for name in names],
            others=[error for error in errors if error.template not in names],
            hints=[finding for finding in findings if finding.severity == "warning"],
            address=address_of,
        )

    async def _template(self, request: Request, name: str, rest: list[str]) -> Response:
        try:
            templates = self._set()
        except TemplateSetBroken as broken:
            return self._page("templates", title="Templates", rows=(), broken=broken.faults)
        snapshot = templates.snapshot
        if name not in snapshot.templates:
            return self._broken(templates, name) if name in snapshot.broken else missing()
        try:
            examples = examples_of(snapshot, name) or (_NO_EXAMPLE,)
        except ExampleBroken:
            return self._broken(templates, name)
        example = next((one for one in examples if not rest or one.name == rest[0]), None)
        if example is None:
            return missing()
        own = example.request(name, DEFAULT.name, datetime.now(UTC)).locale
        locale = own if len(rest) < 2 else (None if rest[1] == NO_LOCALE else rest[1])
        view = ExampleView(
            settings=self._settings,
            templates=templates,
            name=name,
            example=example,
            locale=locale,
            pictures=rest[-1:] == ["pictures"],
        )
        return await self._example(request, view, own, rest[2:])

    async def _example(
        self, request: Request, view: ExampleView, own: str | None, rest: list[str]
    ) -> Response:
        """What is at an example's address, and below it. `own`: the locale that it names itself."""
        match rest:
            case ["html", channel] | ["html", channel, "pictures"] if channel in CHANNELS:
                return _html(view, channel, request.query_params.get("theme"))
            case ["send"] if request.method == "POST":
                return await self._send(request, view)
            case [_, *others] if others or not view.pictures:
                return missing()
        return await self._shown(view, own)

    async def _shown(self, view: ExampleView, own: str | None) -> Response:
        """The page of one example."""
        name, snapshot = view.name, view.templates.snapshot
        examples = examples_of(snapshot, name)
        [info] = (one for one in list_templates(snapshot) if one.name == name)
        locales = sorted({*info.locales, *filter(None, (own, view.locale))})
        several = examples if len(examples) > 1 else ()
        channels = [await view.on(channel) for channel in info.channels]
        findings = findings_of(snapshot, name, self._lint(view.templates, name))
        return self._page(
            "template",
            title=name,
            view=view,
            by_name={one.name: address_of(name, one.name) for one in several},
            by_locale={one: view.address(locale=one) for one in [*locales, NO_LOCALE] if locales},
            channels=channels,
            findings=findings,
            files=source_files(snapshot, name, findings),
        )

    def _broken(self, templates: FilesystemTemplates, name: str) -> Response:
        """The page of a template that cannot be used: its files, and what is wrong."""
        snapshot: Snapshot = templates.snapshot
        findings = findings_of(snapshot, name, self._lint(templates, name))
        files = source_files(snapshot, name, findings)
        return self._page("fault", title=name, findings=findings, files=files)

    async def _send(self, request: Request, view: ExampleView) -> Response:
        form = await form_of(request)
        result = await self._sender.send(view, form.get("channel", ""), form.get("to", ""))
        return page("sent", title=view.name, result=result, back=view.address())


def _html(view: ExampleView, channel: str, theme: str | None) -> Response:
    try:
        html = view.render(channel).parts.get("html")
    except DeliveryError as error:
        return page("unrendered", title="It does not render", fault=error)
    return missing() if html is None else foreign(html, pictures=view.pictures, theme=theme)
