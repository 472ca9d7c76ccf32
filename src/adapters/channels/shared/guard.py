"""The recipient guard: outside production, no message reaches a real person by accident."""

import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Protocol

import structlog

from adapters.template_parts import ChannelParts
from domain.content import Content
from domain.errors import DeliveryError, FailureReason, Permanent, Unavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, Notifier, proceed
from domain.value_object import value_object

_NAMED_IN_SUBJECT = 2


class _Call(Protocol):
    """Sends to recipients, or checks. `meant`: in whose place they are."""

    def __call__(
        self,
        mail: Notification,
        content: Content,
        to: Sequence[Recipient],
        meant: Sequence[Recipient] = (),
        /,
    ) -> Awaitable[Answers]: ...


log = structlog.get_logger()


@value_object(kw_only=True)
class GuardRules:
    """`only_to`: patterns (`*`, `?`) of addresses that are let through, in any case of letters.
    `redirect_to`: channel -> who gets what is not let through; without one it is refused."""

    only_to: tuple[str, ...] = ()
    redirect_to: Mapping[str, Recipient] = field(default_factory=dict)

    def lets_through(self, channel: str, recipient: Recipient) -> bool:
        """Whether this recipient gets the message as asked."""
        address = recipient.address.lower()
        target = self.redirect_to.get(channel)
        is_target = target is not None and target.address.lower() == address
        return is_target or any(fnmatchcase(address, p.lower()) for p in self.only_to)


class GuardedNotifier:
    """Sends only to recipients that the rules let through. Other messages go to the redirect
    target, with a note that names the recipient, or are refused as `guarded`."""

    def __init__(
        self, notifier: Notifier, channel: str, rules: GuardRules, parts: ChannelParts
    ) -> None:
        """`parts`: those that the channel sends."""
        self.one_by_one = notifier.one_by_one
        self.close = notifier.close
        self._parts = parts
        self._notifier = notifier
        self._channel = channel
        self._rules = rules

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        async def call(
            mail: Notification,
            content: Content,
            to: Sequence[Recipient],
            meant: Sequence[Recipient] = (),
        ) -> Answers:
            def leaves(
                concerned: Sequence[Recipient] | None = None, message_id: str = "", /
            ) -> Awaitable[None]:
                # A redirected message stands for those whom it was meant for.
                return about_to_send(meant or (to if concerned is None else concerned), message_id)

            return await self._notifier.notify(mail, content, to, leaves)

        return await self._each(call, notification, content, recipients, is_sent=True)

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Answers:
        async def call(
            mail: Notification,
            content: Content,
            to: Sequence[Recipient],
            _meant: Sequence[Recipient] = (),
        ) -> Answers:
            return await self._notifier.check(mail, content, to)

        return await self._each(call, notification, content, recipients, is_sent=False)

    async def _each(
        self,
        call: _Call,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        *,
        is_sent: bool,
    ) -> Answers:
        """Make the call for those whom the rules let through, and another for the target of the
        others. What concerns one of the two groups concerns all only where it is the only one."""
        passing = [r for r in recipients if self._rules.lets_through(self._channel, r)]
        others = [r for r in recipients if r not in passing]
        redirect = partial(self._redirect, call, is_sent=is_sent)
        answers: dict[Recipient, DeliveryError | None] = {}
        for group, way in ((passing, call), (others, redirect)):
            try:
                answers |= await way(notification, content, group) if group else {}
            except DeliveryError as error:
                # Where the provider is away nothing is sent to any yet, so all may wait for it.
                if len(group) == len(recipients) or (
                    way is call and isinstance(error, Unavailable)
                ):
                    raise
                answers |= dict.fromkeys(group, error)
        return answers

    async def _redirect(
        self,
        call: _Call,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        *,
        is_sent: bool,
    ) -> Answers:
        target = self._target(recipients)
        names = [_shown(r) for r in recipients]
        if is_sent:
            log.warning(
                "redirected by the recipient guard",
                id=notification.id,
                channel=self._channel,
                meant_for=names,  # a list: shown, where a text is masked
            )
        own_id = _id_for(notification, recipients)
        redirected = replace(notification, id=own_id, to=(target,), cc=(), bcc=())
        marked = _marked(content, names, self._parts)
        answers = await call(redirected, marked, (target,), recipients)
        return dict.fromkeys(recipients, answers[target])

    def _target(self, recipients: Sequence[Recipient]) -> Recipient:
        target = self._rules.redirect_to.get(self._channel)
        if target is None:
            raise Permanent(
                "the recipient guard does not let it through: DISPATCHER_ONLY_TO has no pattern for"
                f" the recipient, DISPATCHER_REDIRECT_TO no target for channel {self._channel!r}",
                reason=FailureReason.GUARDED,
            )
        if len(recipients) == 1:
            target = replace(target, resume=recipients[0].resume)
        return target


def _id_for(notification: Notification, recipients: Sequence[Recipient]) -> str:
    """An id of their own, since Message-ID and webhook-id are made of the id and the target, which
    are the same for all; it begins with the one that is logged."""
    addresses = "\n".join(r.address for r in recipients)
    digest = hashlib.sha256(addresses.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{notification.id}+{digest}"


def _shown(recipient: Recipient) -> str:
    """Whom it was for; of an URL the host alone, since its path may be as good as a password."""
    scheme, colon, rest = recipient.address.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}" if colon else str(recipient)


def _marked(content: Content, names: Sequence[str], parts: ChannelParts) -> Content:
    """The content with a note of whom it was meant for, in every part."""
    more = len(names) - _NAMED_IN_SUBJECT
    subject = ", ".join(names[:_NAMED_IN_SUBJECT]) + (f" and {more} more" if more > 0 else "")
    note = f"Redirected by the recipient guard. It was meant for: {', '.join(names)}"
    return replace(
        content,
        subject=f"[to {subject}] {content.subject or ''}".rstrip(),
        parts={name: parts.with_note(name, note, part) for name, part in content.parts.items()},
    )
