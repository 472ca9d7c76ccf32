"""`dispatcher preview`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from entrypoints.pages.serving import PageAddress, needs_pages, serve, with_address
from entrypoints.start import load

if TYPE_CHECKING:
    from entrypoints.container import Container


@click.command("preview")
@with_address(8026)
def command(host: str, port: int, names: tuple[str, ...]) -> None:
    """Show every template with its examples in a browser, on this machine only.

    An open page shows a saved change at once. Faults are shown with file and line. An example is
    sent to an address only when you ask for it.
    """
    needs_pages("preview")
    from entrypoints.container import Container
    from entrypoints.pages.live import Refreshes, watched
    from entrypoints.pages.preview_pages import Preview
    from entrypoints.pages.web import make_app

    address, refreshes = PageAddress(host, port, names), Refreshes()
    settings = load()
    container = Container(settings=settings)
    preview = Preview(settings, refreshes, notifiers=container.channel_notifiers)
    app = make_app(preview.routes(), address.host_names())
    around = (
        partial(watched, settings.templates_dir, refreshes.announce),
        partial(_closed, container),
    )
    serve(app, address, "templates", refreshes=refreshes, around=around)


@asynccontextmanager
async def _closed(container: "Container") -> AsyncIterator[None]:
    """Let go at the end of what examples were sent with."""
    try:
        yield
    finally:
        await container.closing().aclose()
