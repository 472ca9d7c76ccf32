"""Blips: errors that pass within seconds and are safe to repeat. One or two more tries are made.

Longer troubles go to the retry tiers and the breaker.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from domain.content import Content
from domain.errors import DeliveryError, Transient, Unavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Notifier, proceed

_TRIES = 3
_WITHIN = 9.0
FIRST_WAIT = 0.25
_LONGEST_WAIT = 2.0

_T = TypeVar("_T")


class BlipTolerantNotifier:
    """Repeats what failed before anything was sent; see `ride_out`."""

    def __init__(self, notifier: Notifier, *, first_wait: float = FIRST_WAIT) -> None:
        self.inner = notifier
        self.one_by_one = notifier.one_by_one
        self.check = notifier.check
        self.close = notifier.close
        self._first_wait = first_wait

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Mapping[Recipient, DeliveryError | None]:
        """See `Notifier.notify`; raises the last try's error."""
        began = time.monotonic()
        try:
            return await self.inner.notify(notification, content, recipients, about_to_send)
        except DeliveryError as error:
            again = partial(self.inner.notify, notification, content, recipients, about_to_send)
            return await ride_out(error, again, began, self._first_wait)


async def ride_out(
    error: DeliveryError,
    again: Callable[[], Awaitable[_T]],
    began: float,
    first_wait: float = FIRST_WAIT,
) -> _T:
    """What `again` returns, after a first try that began then has failed with `error`. There are
    three tries in all, none begun after nine seconds; raises the last one's error.

    `first_wait` is in seconds; it doubles with every try and is jittered.
    """
    left = _WITHIN - (time.monotonic() - began)
    if not _is_blip(error) or left <= 0:
        raise error
    import tenacity  # costs as much as a whole mail does; the common path goes without it

    failed: DeliveryError | None = error

    async def next_try() -> _T:
        nonlocal failed
        if failed is not None:  # the try already made is the first that tenacity counts
            first, failed = failed, None
            raise first
        return await again()

    repeating = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(_is_blip),
        wait=tenacity.wait_exponential_jitter(
            multiplier=first_wait, max=_LONGEST_WAIT, jitter=first_wait
        ),
        stop=tenacity.stop_after_attempt(_TRIES) | tenacity.stop_before_delay(left),
        reraise=True,
    )
    return await repeating(next_try)


def _is_blip(error: BaseException) -> bool:
    return (
        isinstance(error, Transient | Unavailable) and error.safe_to_repeat and error.resume is None
    )
