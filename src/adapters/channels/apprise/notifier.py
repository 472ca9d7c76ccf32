"""Send to a named target, which is any Apprise URL (the extra `apprise`)."""

import asyncio
import logging
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from datetime import timedelta
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyFormat

from adapters.channels.shared.one_by_one import OneByOneNotifier, refuse_files
from adapters.secret import Secret
from adapters.texts import short_text
from domain.content import Content
from domain.errors import FailureReason, Permanent, Transient
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend
from domain.value_object import value_object

_THREADS = 4
_ATTEMPTS = 3
_BETWEEN_ATTEMPTS = timedelta(minutes=5)
_PIECE = re.compile(r"[^/:@?&=+,;#\s]{4,}")

# Its lines hold URLs, tokens and whole messages; what matters is read from each call's result.
_log = logging.getLogger("apprise")
_log.setLevel(logging.WARNING)
_log.propagate = False
_log.addHandler(logging.NullHandler())
logging.getLogger("urllib3").setLevel(logging.ERROR)


@value_object()
class _AppriseService:
    """What one URL stands for."""

    url: str = field(repr=False)
    plugins: Apprise = field(repr=False)
    secrets: frozenset[str] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> "_AppriseService":
        """Raises ValueError, without a piece of the URL."""
        plugin = Apprise.instantiate(url, asset=AppriseAsset(async_mode=False, app_id="Dispatcher"))
        if plugin is None:
            raise ValueError("is no URL that Apprise knows")
        plugins = Apprise()
        plugins.add(plugin)
        rest = url.partition("://")[2]
        secrets = frozenset(_PIECE.findall(rest) + _PIECE.findall(unquote(rest)))
        return cls(url, plugins, secrets)

    def send(self, title: str, body: str) -> str | None:
        """Blocks. What went wrong, in Apprise's words without ours; None: it was taken."""
        result = self.plugins.notify(body=body, title=title, body_format=NotifyFormat.TEXT)
        if result:
            return None
        longest_first = sorted(self.secrets, key=len, reverse=True)
        return short_text(
            "; ".join(entry.message for entry in result.logs()), secrets=longest_first
        )


class _AppriseTarget:
    """A name and the service of its URL. `lock`: plugins keep their own pace, and are made for one
    caller at a time."""

    def __init__(self, name: str, url: Secret) -> None:
        """Raises ValueError, naming the variable."""
        self.name = name
        self.lock = asyncio.Lock()
        self._url = url.checked(_AppriseService.parse)
        try:
            self._service = _AppriseService.parse(url.value)
        except ValueError as error:
            raise ValueError(f"{_variable(name)}: {error}") from None

    def service(self) -> _AppriseService:
        """The service as the setting names it now."""
        url = self._url.now()
        if url != self._service.url:
            self._service = _AppriseService.parse(url)
        return self._service


class AppriseNotifier(OneByOneNotifier):
    """Sends through Apprise to the target that a recipient's address names.

    Apprise says whether it went well, and no more: so each failure counts as passing, is tried
    three times in all, and then given up.
    """

    def __init__(self, targets: Mapping[str, Secret]) -> None:
        """`targets`: name -> Apprise URL, read again for each message. Raises ValueError, one line
        for each target whose URL cannot be used, by its variable."""
        self._targets: dict[str, _AppriseTarget] = {}
        faults = []
        for name, url in targets.items():
            try:
                self._targets[name.lower()] = _AppriseTarget(name, url)
            except ValueError as error:
                faults.append(str(error))
        if faults:
            raise ValueError("\n".join(faults))
        # Threads of its own: a service that hangs must not hold up a look-up of names, say.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="apprise")
        self._slots = asyncio.Semaphore(_THREADS)

    async def send(
        self,
        notification: Notification,
        content: Content,
        recipient: Recipient,
        about_to_send: AboutToSend,
    ) -> None:
        """Send one message; see `OneByOneNotifier.send`."""
        await self.refuse(notification, content, recipient)
        target = self._target(recipient.address)
        async with target.lock, self._slots:
            service = target.service()
            await about_to_send()
            fault = await asyncio.get_running_loop().run_in_executor(
                self._threads, service.send, content.subject or "", content.parts.get("text", "")
            )
        if fault is not None:
            what = fault or "Apprise could not send, and does not say why"
            raise Transient(
                f"target {target.name}: {what}",
                at_least=_BETWEEN_ATTEMPTS,
                most_attempts=_ATTEMPTS,
            )

    async def refuse(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> None:
        self._target(recipient.address)
        refuse_files(notification, "this channel")

    async def close(self) -> None:
        """Take no more; see `Notifier.close`."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _target(self, address: str) -> _AppriseTarget:
        target = self._targets.get(address.lower())
        if target is None:
            raise Permanent(
                f"there is no target {short_text(address)!r},"
                f" only {', '.join(sorted(self._targets))};"
                f" targets are named by {_variable('NAME')}",
                reason=FailureReason.RECIPIENT_INVALID,
            )
        return target


def _variable(name: str) -> str:
    return f"DISPATCHER_TARGETS__{name.upper()}"
