"""Ways in which a connection or a transaction fails before a recipient has the mail."""

from adapters.channels.email.limits import Limit
from domain.errors import DeliveryError, Unavailable

Answers = list[DeliveryError | None]


class Crowded(Unavailable):
    """The relay serves as many connections as it can, ours or others'. One may end any moment."""


class NothingSent(Exception):
    """Another transaction may do better. `limit`: what the server said there was too much of."""

    def __init__(self, text: str, limit: Limit | None = None) -> None:
        super().__init__(text)
        self.limit = limit


class LostBeforePayload(NothingSent):
    """The connection ended before any of the mail had left.

    `answers` has the refusal of each recipient that was refused by then, and is empty if the server
    took its leave before it was asked anything. `accepted` are the places of those accepted.
    """

    def __init__(
        self, text: str, answers: Answers, accepted: frozenset[int], limit: Limit | None
    ) -> None:
        super().__init__(text, limit)
        self.answers = answers
        self.accepted = accepted


class SessionUsedUp(NothingSent):
    """The server takes no more mails over this connection, which has served before."""


class PipeliningBroken(NothingSent):
    """Of commands sent together only the first were answered: the server waits as we do, or has
    closed a new connection."""


class TooManyRecipients(NothingSent):
    """The server refused the mail because it has so many recipients: `count`, more than one."""

    def __init__(self, text: str, count: int) -> None:
        super().__init__(text, Limit.RECIPIENTS)
        self.count = count
