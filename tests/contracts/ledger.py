"""What every DeliveryLedger knows of deliveries with an id."""

import pytest

from domain.delivery import Delivery
from tests.contracts.ledger_harness import (
    ANN,
    BOB,
    BUSY,
    CLEAR,
    CONFLICT,
    ID,
    IN_DOUBT,
    NO_ID,
    POISON,
    SENT,
    Run,
    Storage,
    again,
    changed,
    deliver,
    die,
    everybody,
    state_of,
)

BOTH = changed(ID, recipients=(ANN, BOB))


class LedgerContract:
    """Needs a fixture `run`."""

    def test_what_was_never_seen_is_clear_for_everybody(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            start = await storage.process().start(BOTH)

            assert start.states == everybody(BOTH, CLEAR)
            assert not start.is_recovered

        run(scenario)

    @pytest.mark.parametrize("delivery", [ID, again(ID), changed(ID, session="s-9")])
    def test_what_was_sent_is_sent_whatever_came_since(self, run: Run, delivery: Delivery) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await deliver(first, ID)
            await first.acked(start.claim)
            await first.session_ended(ID.session)
            await first.close()

            assert await state_of(other, delivery) is SENT
            assert await state_of(other, delivery) is SENT

        run(scenario)

    def test_what_somebody_alive_is_sending_is_busy_until_it_is_sent(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await first.start(ID)

            for ledger in (first, other):
                answer = await ledger.start(again(ID))
                assert answer.states == {ANN: BUSY}
            await first.sending(start.claim, [ANN])
            assert await state_of(other, again(ID)) is BUSY
            await first.finish(start.claim, [ANN])
            assert await state_of(other, again(ID)) is SENT

        run(scenario)

    def test_a_busy_recipient_keeps_the_others_from_being_started(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            await first.start(ID)

            assert (await other.start(BOTH)).states == everybody(BOTH, BUSY)
            assert await state_of(first, changed(ID, recipients=(BOB,))) is CLEAR

        run(scenario)

    def test_who_was_not_sent_to_is_forgotten_at_the_end(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(BOTH)
            await ledger.sending(start.claim, [ANN, BOB])
            await ledger.finish(start.claim, [BOB])

            assert (await ledger.start(BOTH)).states == {ANN: CLEAR, BOB: SENT}

        run(scenario)

    def test_who_was_sent_to_on_the_way_stays_sent_though_the_start_ends_otherwise(
        self, run: Run
    ) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await first.start(BOTH)
            await first.sending(start.claim, [ANN])
            await first.sent(start.claim, [ANN])

            assert (await other.start(BOTH)).states == {ANN: SENT, BOB: BUSY}
            await first.finish(start.claim, [])
            assert (await other.start(BOTH)).states == {ANN: SENT, BOB: CLEAR}

        run(scenario)

    @pytest.mark.parametrize("delivery", [BOTH, changed(NO_ID, recipients=(ANN, BOB))])
    def test_a_doubt_lasts_until_the_ack(self, run: Run, delivery: Delivery) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await first.start(delivery)
            await first.sending(start.claim, [ANN, BOB])
            await first.finish(start.claim, [BOB], [ANN])
            await first.finish(start.claim, [BOB], [ANN])
            await first.session_ended(delivery.session)
            lost = again(delivery)
            assert await other.peek(lost) == {ANN: IN_DOUBT, BOB: SENT}
            for session, process in enumerate([first, other] * 3):
                start = await process.start(again(lost, f"again-{session}"))
                assert start.states == {ANN: IN_DOUBT, BOB: SENT}
                assert not start.is_recovered  # nothing has died
                await process.finish(start.claim, [], [ANN])
                await process.session_ended(f"again-{session}")

            start = await first.start(again(lost, "last"))
            await first.finish(start.claim, [], [ANN])
            await first.acked(start.claim)
            assert (await first.peek(lost))[ANN] is CLEAR

        run(scenario)

    def test_an_ack_leaves_what_another_start_has_taken_over(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await first.start(ID)
            await first.sending(start.claim, [ANN])
            await first.finish(start.claim, [], [ANN])
            assert await state_of(other, again(ID)) is IN_DOUBT

            await first.acked(start.claim)

            assert await state_of(first, again(ID)) is BUSY

        run(scenario)

    def test_an_ack_leaves_what_was_sent_with_an_id(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(BOTH)
            await ledger.sending(start.claim, [ANN, BOB])
            await ledger.finish(start.claim, [BOB], [ANN])

            await ledger.acked(start.claim)

            assert (await ledger.start(BOTH)).states == {ANN: CLEAR, BOB: SENT}

        run(scenario)

    def test_another_body_under_the_same_id_is_a_conflict_for_everybody(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, ID)
            other_body = changed(BOTH, fingerprint="f-2")

            assert (await ledger.start(other_body)).states == everybody(BOTH, CONFLICT)
            assert (await ledger.start(BOTH)).states == {ANN: SENT, BOB: CLEAR}

        run(scenario)

    def test_a_body_that_never_got_anywhere_conflicts_with_nothing(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(ID)
            await ledger.finish(start.claim, [])

            assert await state_of(ledger, changed(ID, fingerprint="f-2")) is CLEAR

        run(scenario)

    @pytest.mark.parametrize(
        "other",
        [changed(ID, channel="slack"), changed(ID, key="order-2"), changed(NO_ID, key=ID.key)],
    )
    def test_channel_id_and_content_are_told_apart(self, run: Run, other: Delivery) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, ID)
            await ledger.session_ended(ID.session)

            assert await state_of(ledger, again(other)) is CLEAR

        run(scenario)

    def test_a_peek_answers_as_a_start_would_and_starts_nothing(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            other_body = changed(BOTH, fingerprint="f-2")

            assert await other.peek(BOTH) == everybody(BOTH, CLEAR)
            assert await other.peek(BOTH) == everybody(BOTH, CLEAR)
            await deliver(first, ID)
            assert await other.peek(BOTH) == {ANN: SENT, BOB: CLEAR}
            assert await other.peek(other_body) == everybody(BOTH, CONFLICT)
            assert await other.peek(changed(BOTH, channel="slack")) == everybody(BOTH, CLEAR)
            assert (await first.start(BOTH)).states == {ANN: SENT, BOB: CLEAR}
            assert await other.peek(BOTH) == {ANN: SENT, BOB: BUSY}
            await first.close()
            assert await other.peek(BOTH) == {ANN: SENT, BOB: CLEAR}
            assert not (await other.start(changed(BOTH, key="order-2"))).is_recovered

        run(scenario)

    def test_a_peek_sees_what_a_dead_process_left(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            other = storage.process()
            await die(storage.process(), ID, sending=True)
            assert await other.peek(ID) == {ANN: IN_DOUBT}
            await die(storage.process(), ID)
            await die(storage.process(), ID)

            assert await other.peek(ID) == {ANN: POISON}
            assert await other.peek(ID) == {ANN: POISON}
            assert await state_of(other, ID) is POISON
            assert await other.peek(ID) == {ANN: CLEAR}

        run(scenario)

    def test_a_peek_takes_what_has_no_id_for_another_message(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            await deliver(first, NO_ID)
            await first.session_ended(NO_ID.session)

            assert await other.peek(NO_ID) == {ANN: CLEAR}
            assert await other.peek(again(NO_ID)) == {ANN: SENT}
            assert await state_of(other, again(NO_ID)) is SENT

        run(scenario)
