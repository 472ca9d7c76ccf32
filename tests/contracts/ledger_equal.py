"""What every DeliveryLedger keeps where messages have no id, and equal ones are each to be sent."""

from tests.contracts.ledger_harness import (
    ANN,
    BOB,
    BUSY,
    CLEAR,
    IN_DOUBT,
    NO_ID,
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

BOTH = changed(NO_ID, recipients=(ANN, BOB))


class EqualMessagesContract:
    """Needs a fixture `run`."""

    def test_equal_messages_are_both_sent(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await first.start(NO_ID)

            assert await state_of(first, NO_ID) is CLEAR
            assert await state_of(other, NO_ID) is CLEAR
            await first.finish(start.claim, [ANN])
            await first.session_ended(NO_ID.session)
            assert await state_of(first, changed(NO_ID, session="s-2")) is CLEAR

        run(scenario)

    def test_a_redelivery_stands_for_a_sent_one_once(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, BOTH)
            await ledger.session_ended(BOTH.session)

            assert (await ledger.start(again(BOTH))).states == everybody(BOTH, SENT)
            assert (await ledger.start(again(BOTH))).states == everybody(BOTH, CLEAR)

        run(scenario)

    def test_a_doubt_stands_for_no_equal_message_while_its_session_lives(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, changed(NO_ID, session="s-0"))
            await ledger.session_ended("s-0")
            start = await ledger.start(NO_ID)
            await ledger.sending(start.claim, [ANN])
            await ledger.finish(start.claim, [], [ANN])

            assert await state_of(ledger, again(NO_ID)) is SENT
            assert await state_of(ledger, again(NO_ID)) is CLEAR
            await ledger.session_ended(NO_ID.session)
            assert await state_of(ledger, again(NO_ID)) is IN_DOUBT

        run(scenario)

    def test_a_redelivery_that_is_lost_again_is_still_known(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            await deliver(storage.process(), NO_ID)
            ledger, delivery = storage.process(), again(NO_ID, "s-1")
            await ledger.session_ended("s-1")
            for n in range(2, 6):
                delivery = again(NO_ID, f"s-{n}")
                start = await ledger.start(delivery)
                assert start.states == {ANN: SENT}
                await ledger.finish(start.claim, [])
                await ledger.session_ended(delivery.session)

            start = await ledger.start(again(NO_ID, "s-6"))
            await ledger.acked(start.claim)
            await ledger.session_ended("s-6")
            assert await state_of(ledger, again(NO_ID, "s-7")) is CLEAR

        run(scenario)

    def test_a_row_whose_session_goes_on_is_another_message_s(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, NO_ID)

            assert await state_of(ledger, again(NO_ID)) is CLEAR

        run(scenario)

    def test_another_process_that_may_have_died_is_waited_for(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, ledger = storage.process(), storage.process()
            await deliver(first, NO_ID)

            assert await state_of(ledger, again(NO_ID)) is BUSY
            assert await state_of(ledger, NO_ID) is CLEAR, "not redelivered, it is another one"
            await first.close()
            assert await state_of(ledger, again(NO_ID)) is SENT

        run(scenario)

    def test_another_process_that_acks_its_own_was_sent_an_equal_one(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, ledger = storage.process(), storage.process()
            start = await deliver(first, NO_ID)

            assert await state_of(ledger, again(NO_ID)) is BUSY
            await first.acked(start.claim)
            assert await state_of(ledger, again(NO_ID)) is CLEAR

        run(scenario)

    def test_a_dead_process_has_no_session(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first = storage.process()
            await deliver(first, NO_ID)
            await first.close()

            assert await state_of(storage.process(), again(NO_ID)) is SENT

        run(scenario)

    def test_an_acked_one_is_forgotten(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await deliver(ledger, NO_ID)
            await ledger.acked(start.claim)
            await ledger.session_ended(NO_ID.session)

            assert await state_of(ledger, again(NO_ID)) is CLEAR

        run(scenario)

    def test_an_ack_that_comes_too_late_for_its_session_forgets_nothing(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await deliver(ledger, NO_ID)
            await ledger.session_ended(NO_ID.session)
            await ledger.acked(start.claim)

            assert await state_of(ledger, again(NO_ID)) is SENT

        run(scenario)

    def test_what_starts_after_its_session_has_ended_is_known_to_the_next(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await ledger.session_ended(NO_ID.session)
            await deliver(ledger, NO_ID)

            assert await state_of(ledger, again(NO_ID)) is SENT

        run(scenario)

    def test_a_redelivery_waits_for_the_send_that_goes_on_without_its_session(
        self, run: Run
    ) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(NO_ID)
            await ledger.sending(start.claim, [ANN])
            await ledger.session_ended(NO_ID.session)

            assert await state_of(ledger, again(NO_ID)) is BUSY
            await ledger.finish(start.claim, [ANN])
            assert await state_of(ledger, again(NO_ID)) is SENT
            assert await state_of(ledger, again(NO_ID)) is CLEAR

        run(scenario)

    def test_while_one_recipient_is_busy_no_sent_one_is_used_up(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(BOTH)
            await ledger.sent(start.claim, [ANN])
            await ledger.session_ended(BOTH.session)

            for _ in range(2):
                assert (await ledger.start(again(BOTH))).states == everybody(BOTH, BUSY)
            await ledger.finish(start.claim, [BOB])
            assert (await ledger.start(again(BOTH))).states == everybody(BOTH, SENT)

        run(scenario)

    def test_of_two_redelivered_equal_ones_the_unfinished_is_matched_first(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first = storage.process()
            await deliver(first, NO_ID)
            await die(first, NO_ID, sending=True)
            ledger = storage.process()

            start = await ledger.start(again(NO_ID))
            assert start.states == {ANN: IN_DOUBT}
            assert start.is_recovered
            assert await state_of(ledger, again(NO_ID)) is SENT

        run(scenario)

    def test_of_two_unfinished_equal_ones_the_dead_one_is_not_kept_waiting(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, ledger = storage.process(), storage.process()
            await ledger.start(NO_ID)
            await ledger.session_ended(NO_ID.session)
            await die(first, changed(NO_ID, session="s-other"))

            assert (await ledger.start(again(NO_ID))).is_recovered
            assert await state_of(ledger, again(NO_ID)) is BUSY

        run(scenario)

    def test_both_of_many_pairs_arrive_through_endless_cuts(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger, sends, session = storage.process(), 0, 0
            waiting = [NO_ID, NO_ID]  # what the broker has not been acked for
            while waiting and session < 20:
                session += 1
                seen = [changed(delivery, session=f"s-{session}") for delivery in waiting]
                for at, delivery in enumerate(seen[:]):
                    start = await deliver(ledger, delivery)
                    sends += start.states[ANN] is CLEAR
                    if session > 6 + at:
                        await ledger.acked(start.claim)
                        waiting.pop()
                await ledger.session_ended(f"s-{session}")
                waiting = [again(delivery) for delivery in waiting]

            assert (sends, waiting) == (2, [])

        run(scenario)
