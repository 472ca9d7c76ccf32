"""`send me this`: an example through its channel to one address, as a worker would send it."""

import asyncio
from collections.abc import Callable, Mapping
from shlex import quote

from adapters.channels import CHANNELS
from domain.content import Content
from domain.errors import DispatcherError
from domain.notification import Notification, Recipient
from domain.ports import Notifier
from domain.value_object import value_object
from entrypoints.cli.sending.send import address_fault
from entrypoints.pages.preview_view import ExampleView
from entrypoints.settings import Settings, variable

_PATIENCE = 90.0  # seconds; a relay may take its time to greet


@value_object()
class SendResult:
    """What became of it, in words."""

    text: str
    is_sent: bool = False


@value_object()
class ExampleSender:
    """Sends examples. `notifiers`: those of the worker, behind the recipient guard; they are made
    when the first example is sent."""

    settings: Settings
    notifiers: Callable[[], Mapping[str, Notifier]]

    async def send(self, view: ExampleView, channel: str, address: str) -> SendResult:
        """Send what the page shows to this address, and to no other."""
        address = address.strip()
        if channel not in CHANNELS or not address:
            return SendResult("Type an address.")
        try:
            notification = view.notification(channel, to=address)
            if fault := address_fault(notification, self.settings):
                return SendResult(f"to: {fault}")
            if len(notification.recipients) > 1:
                return SendResult("Type one address.")
            [recipient] = notification.recipients
            if held := await self._held_back(channel, recipient):
                result = SendResult(held)
            else:
                content = view.render(channel, recipient.address)
                result = await self._send(notification, content, recipient)
        except DispatcherError as error:
            return SendResult(str(error))
        except TimeoutError:
            return SendResult(f"There was no answer within {_PATIENCE:.0f} seconds.")
        return result

    async def _send(
        self, notification: Notification, content: Content, recipient: Recipient
    ) -> SendResult:
        name = notification.channel
        channel = CHANNELS[name]
        notifier = self.notifiers().get(name)
        if notifier is None:
            return SendResult(
                f"{channel.title} has nowhere to send to: set {variable(channel.needed)}."
            )
        async with asyncio.timeout(_PATIENCE):
            answers = await notifier.notify(notification, content, (recipient,))
        if (error := answers[recipient]) is not None:
            return SendResult(str(error))
        return SendResult(self._where(name, recipient), is_sent=True)

    async def _held_back(self, channel: str, recipient: Recipient) -> str:
        """Why the address gets nothing at all, as the list of suppressions is now; else empty."""
        if self.settings.suppressions is None:
            return ""
        from entrypoints.suppressing import canonical_address, suppression_store

        store = suppression_store(self.settings.suppressions)
        try:
            address = canonical_address(channel, recipient.address)
            [entry] = await store.find(channel, [address])
        finally:
            await store.close()
        if entry is None:
            return ""
        why = f" ({entry.reason})" if entry.reason else ""
        command = f"dispatcher suppress remove {quote(address)} --channel {channel}"
        return f"{recipient} is on the list of suppressions{why}. To send anyway: {command}"

    def _where(self, name: str, recipient: Recipient) -> str:
        channel, settings = CHANNELS[name], self.settings
        got_it = str(recipient)
        if settings.only_to or settings.redirect_to:
            from adapters.channels.shared.guard import GuardRules

            rules = GuardRules(only_to=settings.only_to, redirect_to=settings.redirect_to)
            if not rules.lets_through(name, recipient):
                target = settings.redirect_to[name]
                got_it = f"{target}, since the recipient guard does not let {recipient} through"
        if channel.is_configured(settings.channel_settings[name]):
            return f"Sent to {got_it}."
        folder = channel.captured_in(settings.home)
        return f"Kept for {got_it} in {folder}: `dispatcher mailbox` shows it."
