"""What is to be written down while a message is sent."""

from collections.abc import Sequence

from domain.errors import DeliveryError, InDoubt
from domain.notification import Recipient


class Journal:
    """Gets the moments that matter should the process end. This one writes nothing down."""

    async def about_to_send(self, recipients: Sequence[Recipient]) -> None:
        """The payload for these is about to leave. Raising Unavailable keeps it back."""

    def refused(self) -> None:
        """The provider refused it for every recipient: nothing is on its way any more."""

    def answered(self, answers: Sequence[DeliveryError | None]) -> None:
        """The provider's answers, one for each recipient, are in."""
        if not any(answer is None or isinstance(answer, InDoubt) for answer in answers):
            self.refused()

    async def sent(self, recipients: Sequence[Recipient]) -> None:
        """These have got it, while others of the same notification go on."""
