"""Send to a named target, which is any Apprise URL (the extra `apprise`)."""

import asyncio
import logging
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyFormat

from adapters.channels.shared.one_by_one import OneByOneNotifier, refuse_files
from adapters.texts import short_text
from domain.content import Content
from domain.errors import FailureReason, Permanent, Transient
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend

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


@dataclass(slots=True)
class _AppriseTarget:
    """One service. `lock`: plugins keep their own pace, and are made for one caller at a time."""

    name: str
    service: Apprise = field(repr=False)
    secrets: frozenset[str] = field(repr=False)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @classmethod
    def parse(cls, name: str, url: str) -> "_AppriseTarget":
        plugin = Apprise.instantiate(url, asset=AppriseAsset(async_mode=False, app_id="Dispatcher"))
        if plugin is None:
            raise ValueError(f"{_variable(name)}: is no URL that Apprise knows")
        service = Apprise()
        service.add(plugin)
        rest = url.partition("://")[2]
        return cls(name, service, frozenset(_PIECE.findall(rest) + _PIECE.findall(unquote(rest))))

    def send(self, title: str, body: str) -> str | None:
        """Blocks. What went wrong, in Apprise's words without ours; None: it was taken."""
        result = self.service.notify(body=body, title=title, body_format=NotifyFormat.TEXT)
        if result:
            return None
        longest_first = sorted(self.secrets, key=len, reverse=True)
        return short_text(
            "; ".join(entry.message for entry in result.logs()), secrets=longest_first
        )


class AppriseNotifier(OneByOneNotifier):
    """Sends through Apprise to the target that a recipient's address names.

    Apprise says whether it went well, and no more: so each failure counts as passing, is tried
    three times in all, and then given up.
    """

    def __init__(self, targets: Mapping[str, str]) -> None:
        """`targets`: name -> Apprise URL. Raises ValueError, one line for each target whose URL
        cannot be used, by its variable."""
        self._targets: dict[str, _AppriseTarget] = {}
        faults = []
        for name, url in targets.items():
            try:
                self._targets[name.lower()] = _AppriseTarget.parse(name, url)
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
            await about_to_send()
            fault = await asyncio.get_running_loop().run_in_executor(
                self._threads, target.send, content.subject or "", content.parts.get("text", "")
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
