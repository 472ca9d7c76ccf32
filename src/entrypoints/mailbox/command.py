"""`dispatcher mailbox`."""

from functools import partial

import click

from entrypoints.pages.serving import PageAddress, needs_pages, serve, with_address
from entrypoints.settings import Settings
from entrypoints.start import load


@click.command("mailbox")
@with_address(8025)
@click.option(
    "--smtp-port",
    type=click.IntRange(0, 65535),
    help="Port for mails by SMTP.  [default: 1025, where it is free]",
)
@click.option(
    "--cors-origin",
    default="",
    metavar="ORIGIN",
    help="Whose pages may ask MailHog's API, such as http://localhost:3000; * lets every web page "
    "read and delete all mails.",
)
@click.option(
    "--keep",
    "most",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Mails in the local mailbox; when more come by SMTP, the oldest are deleted.",
)
def command(
    host: str,
    port: int,
    names: tuple[str, ...],
    smtp_port: int | None,
    cors_origin: str,
    most: int,
) -> None:
    """Take mails by SMTP, and show them and all captured messages in a browser, on this machine
    only.

    Shows the local mailbox and the folders of captured channels, the demo's too. An open page shows
    what is new at once. Mails that come by SMTP are kept in the local mailbox and sent to no one.
    /api/v1 and /api/v2 answer as MailHog does, for this mailbox. Pictures and styles from elsewhere
    are not loaded unless you ask for it.
    """
    needs_pages("mailbox")
    _serve(load(), PageAddress(host, port, names), smtp_port, cors_origin, most)


def _serve(
    settings: Settings, address: PageAddress, smtp_port: int | None, cors_origin: str, most: int
) -> None:
    from entrypoints.mailbox.captured import kept_files, mailbox_of, places
    from entrypoints.mailbox.envelope import MailKeeper
    from entrypoints.mailbox.mailbox_pages import CapturedMailbox
    from entrypoints.mailbox.mailhog_api import MailHogApi
    from entrypoints.mailbox.receiving import looking, receiving, smtp_socket, smtp_words
    from entrypoints.pages.live import Refreshes
    from entrypoints.pages.web import make_app

    found, refreshes = places(settings), Refreshes()
    own = mailbox_of(found)
    api = MailHogApi(own, cors_origin)
    origins = (cors_origin,) if cors_origin else ()
    around = [partial(looking, found, refreshes.announce)]
    listener = smtp_socket(address.host, smtp_port)
    smtp = smtp_words(listener)
    box = CapturedMailbox(places=found, settings=settings, api=api, refreshes=refreshes, smtp=smtp)
    app = make_app(box.routes(), address.host_names(), origins=origins)
    if listener is not None:
        around.append(partial(receiving, listener, MailKeeper(own.folder, most)))
    what = f"{len(kept_files(found))} captured messages, {smtp}"
    serve(app, address, what, refreshes=refreshes, around=around)
