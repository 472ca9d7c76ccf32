"""The mailbox's pages without a browser, and messages to keep in it."""

import os
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlencode

from entrypoints.mailbox.captured import mailbox_of, places
from entrypoints.mailbox.mailbox_pages import CapturedMailbox
from entrypoints.mailbox.mailhog_api import MailHogApi
from entrypoints.pages.live import Refreshes
from entrypoints.pages.web import make_app
from entrypoints.settings import Settings
from tests.support.pages import PageAnswer, ask


class Box:
    """The mailbox's application, asked request by request."""

    def __init__(self, settings: Settings, *, cors_origin: str = "", smtp: str = "") -> None:
        found = places(settings)
        self.refreshes = Refreshes()
        box = CapturedMailbox(
            places=found,
            settings=settings,
            api=MailHogApi(mailbox_of(found), cors_origin),
            refreshes=self.refreshes,
            smtp=smtp,
        )
        self.app = make_app(box.routes(), origins=(cors_origin,) if cors_origin else ())

    def answer(self, path: str) -> PageAnswer:
        return ask(self.app, path)

    def page(self, path: str = "/") -> str:
        answer = self.answer(path)
        assert answer.status == 200, path
        return answer.text

    def send(
        self,
        path: str,
        form: dict[str, str] | None = None,
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
    ) -> PageAnswer:
        """Send a form, or ask for a change in another way."""
        body = urlencode(form or {}).encode()
        return ask(self.app, path, method=method, body=body, headers=headers)


def keep_mail(home: Path, mail: EmailMessage, *, name: str = "1.mail", at: int = 1000) -> None:
    keep(home / "mail/new" / name, mail.as_bytes(), at=at)


def keep(path: Path, content: bytes, *, at: int = 1000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at, at))


def a_mail(*, subject: str = "Hello", text: str = "in plain", html: str = "") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "shop@example.com", "ann@example.com", subject
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    return mail
