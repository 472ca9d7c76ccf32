"""Equal messages without an id are several messages: each has a Message-ID of its own."""

from collections.abc import Mapping

from adapters.dead_letters.dead_letter import release
from adapters.inbound.contract import InboundMessage, RetryCopy
from adapters.message_format.message import content_key
from adapters.message_format.rules import Properties
from domain.errors import Transient
from tests.unit.inbound.office import GOOD, Office

Headers = Mapping[str, str | int]


def handled(office: Office, headers: Headers | None = None, **more: object) -> str:
    """Handle it and give the id that its Message-ID is made of."""
    office.handle({**GOOD, **more}, headers)
    return office.email.delivered[-1].notification.unique_id


def retried(office: Office, headers: Headers | None = None) -> Headers:
    office.email.failures = [Transient("later")]
    (copy,) = office.handle(GOOD, headers)
    assert isinstance(copy, RetryCopy)
    return copy.headers


def test_field_6_6_equal_messages_without_an_id_differ() -> None:
    office = Office()

    assert len({handled(office) for _ in range(5)}) == 5
    assert len({one.notification.id for one in office.email.delivered}) == 1


def test_field_6_6_it_is_the_same_at_each_retry_and_after_a_release() -> None:
    office = Office()
    first = retried(office)
    second = retried(office, first)
    letter = InboundMessage(queue="letters", body=b"{}", headers=second, properties=Properties())

    assert first["x-dispatcher-seed"] == second["x-dispatcher-seed"]
    again = {handled(office, headers) for headers in (first, second, release(letter).headers)}
    assert len(again) == 1
    assert handled(office) not in again


def test_field_6_6_the_ledgers_key_stays_the_contents_hash() -> None:
    office = Office()

    assert retried(office)["x-dispatcher-key"] == content_key(office.message(GOOD).body)


def test_field_6_6_a_message_with_an_id_has_no_need_of_a_seed() -> None:
    office = Office()
    office.email.failures = [Transient("later")]
    (copy,) = office.handle({**GOOD, "id": "order-1"})

    assert "x-dispatcher-seed" not in copy.headers
    assert handled(office, id="order-2") == "order-2"


def test_field_6_6_a_seed_that_is_nonsense_is_read_as_absent() -> None:
    office = Office()
    nonsense = {"x-dispatcher-seed": "\r\nBcc: x"}

    assert handled(office, nonsense) != handled(office, nonsense)
