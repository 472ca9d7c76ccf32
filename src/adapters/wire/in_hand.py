"""What a worker has in hand, counted where messages are taken and settled."""


class InHand:
    """Counts messages that were taken and are not settled yet, and those that are. Shared by all
    queues of a worker."""

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self.settled = 0

    def take(self, size: int) -> None:
        """A message of so many bytes was taken."""
        self.count += 1
        self.size += size

    def let_go(self, size: int, *, is_settled: bool) -> None:
        """It is in hand no more: settled, or taken back by the broker. Not `is_settled`: it was
        handed back, to be handled again."""
        self.count -= 1
        self.size -= size
        self.settled += is_settled
