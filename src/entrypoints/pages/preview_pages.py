"""The pages of `dispatcher preview`: the templates as they are on disk."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.channels import CHANNELS, DEFAULT
from adapters.templates import FilesystemTemplates, RenderOptions, Snapshot, TemplateSetBroken
from adapters.templates.examples import Example
from adapters.templates.inspection import examples_and_faults, list_templates
from adapters.templates.lint import LintNotes
from domain.ports import Notifier
from entrypoints.container import render_options
from entrypoints.pages.inline_pictures import with_pictures
from entrypoints.pages.live import Refreshes
from entrypoints.pages.preview_renderings import PreviewRenderings
from entrypoints.pages.preview_send import ExampleSender
from entrypoints.pages.preview_source import findings_of, source_files
from entrypoints.pages.preview_view import NO_LOCALE, ExampleView, address_of
from entrypoints.pages.views import foreign, missing, page
from entrypoints.pages.web import form_of, is_from_elsewhere, path_of
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
        self._renderings = PreviewRenderings(self._notes)
        self._templates: FilesystemTemplates | None = None
        self._faults: tuple[str, ...] = ()

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
        # What is saved from here on is announced with a greater number than the page will have.
        request.state.live = self._refreshes.version
        if (templates := self._set()) is None:
            return self._page(request, "templates", title="Templates", rows=())
        match path:
            case [""]:
                return await self._list(request, templates)
            case ["t", name, *rest]:
                return await self._template(request, templates, name, rest)
            case _:
                return self._missing(request)

    def _page(self, request: Request, template: str, **facts: object) -> Response:
        facts |= {"live": request.state.live, "root": self._root, "broken": self._faults}
        return page(template, **facts)  # type: ignore[arg-type]

    def _missing(self, request: Request) -> Response:
        """Nothing is at this address yet, or while an editor exchanges the file."""
        return self._page(request, "missing", title="Not here", status=HTTPStatus.NOT_FOUND)

    def _set(self) -> FilesystemTemplates | None:
        """The set as it is now; while the folder cannot be read, as it was, and None where it never
        could."""
        self._faults = ()
        try:
            if self._templates is None:
                self._templates = self._notes.templates(self._root, self._options)
            else:
                self._templates.reread()
        except TemplateSetBroken as broken:
            self._faults = broken.faults
        return self._templates

    async def _list(self, request: Request, templates: FilesystemTemplates) -> Response:
        snapshot = templates.snapshot
        infos = {info.name: info for info in list_templates(snapshot)}
        names = sorted({*infos, *snapshot.broken})
        findings = await self._renderings.findings(templates, names)
        errors = [finding for finding in findings if finding.severity == "error"]
        faults = {name: [one for one in errors if one.template == name] for name in names}
        return self._page(
            request,
            "templates",
            title="Templates",
            rows=[(name, infos.get(name), faults[name]) for name in names],
            others=[error for error in errors if error.template not in names],
            hints=[finding for finding in findings if finding.severity == "warning"],
            address=address_of,
        )

    async def _template(
        self, request: Request, templates: FilesystemTemplates, name: str, rest: list[str]
    ) -> Response:
        snapshot = templates.snapshot
        if name in snapshot.broken:
            return await self._broken(request, templates, name)
        if name not in snapshot.templates:
            return self._missing(request)
        examples = examples_and_faults(snapshot, name)[0] or (_NO_EXAMPLE,)
        example = next((one for one in examples if not rest or one.name == rest[0]), None)
        if example is None:
            return self._missing(request)
        own = example.request(name, DEFAULT.name, datetime.now(UTC)).locale
        locale = own if len(rest) < 2 else (None if rest[1] == NO_LOCALE else rest[1])
        has_pictures = rest[2:][-1:] == ["pictures"] and not is_from_elsewhere(request.headers)
        view = ExampleView(
            settings=self._settings,
            templates=templates,
            name=name,
            example=example,
            locale=locale,
            pictures=has_pictures,
        )
        return await self._example(request, view, examples, own, rest[2:])

    async def _example(
        self,
        request: Request,
        view: ExampleView,
        examples: Sequence[Example],
        own: str | None,
        rest: list[str],
    ) -> Response:
        """What is at an example's address, and below it. `own`: the locale that it names itself."""
        match rest:
            case ["html", channel] | ["html", channel, "pictures"] if channel in CHANNELS:
                return await self._html(view, channel, request.query_params.get("theme"))
            case ["send"] if request.method == "POST":
                return await self._send(request, view)
            case [] | ["pictures"]:
                return await self._shown(request, view, examples, own)
            case _:
                return self._missing(request)

    async def _shown(
        self, request: Request, view: ExampleView, examples: Sequence[Example], own: str | None
    ) -> Response:
        """The page of one example."""
        name, snapshot = view.name, view.templates.snapshot
        [info] = list_templates(snapshot, name)
        locales = sorted({*info.locales, *filter(None, (own, view.locale))})
        several = examples if len(examples) > 1 else ()
        channels = [await self._renderings.view(view, channel) for channel in info.channels]
        findings = await self._renderings.findings(view.templates, [name])
        findings = findings_of(snapshot, name, findings)
        return self._page(
            request,
            "template",
            title=name,
            view=view,
            by_name={one.name: address_of(name, one.name) for one in several},
            by_locale={one: view.address(locale=one) for one in [*locales, NO_LOCALE] if locales},
            channels=channels,
            findings=findings,
            files=source_files(snapshot, name, findings),
        )

    async def _broken(
        self, request: Request, templates: FilesystemTemplates, name: str
    ) -> Response:
        """The page of a template that cannot be used: its files, and what is wrong."""
        snapshot: Snapshot = templates.snapshot
        findings = await self._renderings.findings(templates, [name])
        findings = findings_of(snapshot, name, findings)
        files = source_files(snapshot, name, findings)
        return self._page(request, "fault", title=name, findings=findings, files=files)

    async def _html(self, view: ExampleView, channel: str, theme: str | None) -> Response:
        shown = await self._renderings.view(view, channel)
        if shown.fault:
            return page("unrendered", title="It does not render", fault=shown.fault)
        if shown.html is None:
            return missing()
        html = with_pictures(shown.html, await view.files(channel))
        return foreign(html, pictures=view.pictures, theme=theme)

    async def _send(self, request: Request, view: ExampleView) -> Response:
        form = await form_of(request)
        result = await self._sender.send(view, form.get("channel", ""), form.get("to", ""))
        return page("sent", title=view.name, result=result, back=view.address())
