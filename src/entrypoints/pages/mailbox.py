"""`dispatcher mailbox`."""

import click

from entrypoints.pages.serving import PageAddress, needs_pages, serve, with_address
from entrypoints.start import load


@click.command("mailbox")
@with_address(8025)
def command(host: str, port: int, names: tuple[str, ...]) -> None:
    """Show captured mails and messages in a browser, on this machine only.

    Shows the local mailbox and the folders of captured channels, the demo's too. It only reads:
    nothing is deleted or marked. Pictures and styles from elsewhere are not loaded.
    """
    needs_pages("mailbox")
    from starlette.routing import Route

    from entrypoints.pages.captured import places
    from entrypoints.pages.live import Refreshes
    from entrypoints.pages.mailbox_pages import CapturedMailbox
    from entrypoints.pages.web import make_app

    address, refreshes = PageAddress(host, port, names), Refreshes()
    box = CapturedMailbox(places(load()))
    routes = [Route("/events", refreshes.respond), Route("/{path:path}", box.respond)]
    app = make_app(routes, address.host_names())
    serve(app, address, "captured messages", refreshes=refreshes)
