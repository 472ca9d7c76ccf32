"""A notifier that rides out blips: errors that are over in seconds and safe to repeat."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from domain.content import Content
from domain.errors import DeliveryError, Transient, Unavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Notifier, proceed

if TYPE_CHECKING:
    from tenacity import AsyncRetrying

_TRIES = 3
_WITHIN = 9.0
_FIRST_WAIT = 0.25
_LONGEST_WAIT = 2.0


class BlipTolerantNotifier:
    """Repeats what failed before anything was sent: three tries, none begun after nine seconds.

    Longer troubles are not its business: they go to the retry tiers and the breaker.
    """

    def __init__(self, notifier: Notifier, *, first_wait: float = _FIRST_WAIT) -> None:
        """`first_wait` is in seconds; it doubles with every try and is jittered."""
        self._notifier = notifier
        self._first_wait = first_wait

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.notify`; raises the last try's error."""
        # tenacity costs as much as a whole mail does; the common path goes without it.
        started = time.monotonic()
        try:
            return await self._notifier.notify(notification, content, recipients, about_to_send)
        except DeliveryError as error:
            left = _WITHIN - (time.monotonic() - started)
            if not _is_blip(error) or left <= 0:
                raise
            failed: DeliveryError | None = error

        async def next_try() -> Mapping[Recipient, DeliveryError | None]:
            nonlocal failed
            if failed is not None:  # the try already made is the first that tenacity counts
                error, failed = failed, None
                raise error
            return await self._notifier.notify(notification, content, recipients, about_to_send)

        return await self._repeating(left)(next_try)

    @property
    def inner(self) -> Notifier:
        """The notifier whose blips are ridden out."""
        return self._notifier

    @property
    def one_by_one(self) -> bool:
        """See `Notifier.one_by_one`."""
        return self._notifier.one_by_one

    async def check(
        self, notification: Notification, content: Content, recipients: Sequence[Recipient]
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.check`."""
        return await self._notifier.check(notification, content, recipients)

    async def close(self) -> None:
        """See `Notifier.close`."""
        await self._notifier.close()

    def _repeating(self, seconds: float) -> "AsyncRetrying":
        import tenacity

        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_is_blip),
            wait=tenacity.wait_exponential_jitter(
                multiplier=self._first_wait, max=_LONGEST_WAIT, jitter=self._first_wait
            ),
            stop=tenacity.stop_after_attempt(_TRIES) | tenacity.stop_before_delay(seconds),
            reraise=True,
        )


def _is_blip(error: BaseException) -> bool:
    return (
        isinstance(error, Transient | Unavailable) and error.safe_to_repeat and error.resume is None
    )
