"""What every Notifier answers when it is only asked whether it would refuse."""

from collections.abc import Mapping

from domain.errors import DeliveryError, FailureReason, Permanent
from domain.notification import Notification
from tests.contracts.notifier import NotifierContract
from tests.contracts.notifier_troubles import Peer, Trouble
from tests.fakes import a_notification


class CheckingContract(NotifierContract):
    """`invalid` is an address that the channel refuses by itself; None where it takes any."""

    invalid: str | None = None

    async def checked(
        self, peer: Peer, notification: Notification
    ) -> Mapping[str, DeliveryError | None]:
        """What a check says of each address, asked for as the Dispatcher does."""
        recipients = notification.recipients
        groups = [(notification, recipients)]
        if peer.notifier.one_by_one:
            groups = [(notification.for_one(one), (one,)) for one in recipients]
        found: dict[str, DeliveryError | None] = {}
        for message, group in groups:
            try:
                checked = await peer.notifier.check(message, self.content, group)
            except DeliveryError as error:
                checked = dict.fromkeys(group, error)
            assert set(checked) == set(group), "one entry for each recipient, and no other"
            found |= {recipient.address: error for recipient, error in checked.items()}
        return found

    def test_a_check_finds_nothing_to_refuse_and_sends_nothing(self) -> None:
        async def body(peer: Peer) -> None:
            checked = await self.checked(peer, self.notification())

            assert checked == dict.fromkeys(self.addresses)
            assert peer.accepted() == []

        self.with_peer(body)

    def test_a_check_does_not_need_the_provider(self) -> None:
        async def body(peer: Peer) -> None:
            peer.trouble(Trouble.AWAY)

            assert await self.checked(peer, self.notification()) == dict.fromkeys(self.addresses)

        self.with_peer(body)

    def test_a_check_refuses_whom_sending_refuses_before_it_asks_the_provider(self) -> None:
        if (invalid := self.invalid) is None:
            return  # this channel takes any address

        async def body(peer: Peer) -> None:
            first, last = self.addresses[0], self.addresses[2]
            message = a_notification(channel=self.channel, to=[first, invalid, last])

            checked = await self.checked(peer, message)
            answered = await self.answers(peer, message)

            error = checked[invalid]
            assert isinstance(error, Permanent)
            assert error.reason is FailureReason.RECIPIENT_INVALID
            assert (checked[first], checked[last]) == (None, None)
            assert {address: str(error) for address, error in answered.items()} == {
                address: str(error) for address, error in checked.items()
            }

        self.with_peer(body)
