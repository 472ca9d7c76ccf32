"""What a channel can say about each recipient before anything is sent."""

from collections.abc import Callable, Sequence

from domain.errors import DeliveryError, Permanent
from domain.notification import Recipient


def check_each(
    recipients: Sequence[Recipient], check: Callable[[str], object]
) -> dict[Recipient, DeliveryError | None]:
    """Return for each recipient the refusal that `check` raises for its address, else None. Raises
    the refusal where there is only one recipient."""
    answers: dict[Recipient, DeliveryError | None] = {}
    for recipient in recipients:
        try:
            check(recipient.address)
            answers[recipient] = None
        except Permanent as error:
            if len(recipients) == 1:
                raise
            answers[recipient] = error
    return answers
