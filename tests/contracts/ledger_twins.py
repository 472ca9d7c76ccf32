"""What every DeliveryLedger keeps where messages have no id, and equal ones may be twins."""

from tests.contracts.ledger_harness import (
    ANN,
    BOB,
    BUSY,
    CLEAR,
    IN_DOUBT,
    SENT,
    TWIN,
    Run,
    Storage,
    again,
    changed,
    deliver,
    die,
    everybody,
    standing,
)

BOTH = changed(TWIN, recipients=(ANN, BOB))


class TwinsContract:
    """Needs a fixture `run`."""

    def test_twins_are_both_sent(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await first.start(TWIN)

            assert await standing(first, TWIN) is CLEAR
            assert await standing(other, TWIN) is CLEAR
            await first.finish(start.claim, [ANN])
            await first.session_ended(TWIN.session)
            assert await standing(first, changed(TWIN, session="s-2")) is CLEAR

        run(scenario)

    def test_a_redelivery_stands_for_a_sent_one_once(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, BOTH)
            await ledger.session_ended(BOTH.session)

            assert (await ledger.start(again(BOTH))).standings == everybody(BOTH, SENT)
            assert (await ledger.start(again(BOTH))).standings == everybody(BOTH, CLEAR)

        run(scenario)

    def test_a_redelivery_that_is_lost_again_is_still_known(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            await deliver(storage.process(), TWIN)
            ledger, sight = storage.process(), again(TWIN, "s-1")
            await ledger.session_ended("s-1")
            for n in range(2, 6):
                sight = again(TWIN, f"s-{n}")
                start = await ledger.start(sight)
                assert start.standings == {ANN: SENT}
                await ledger.finish(start.claim, [])
                await ledger.session_ended(sight.session)

            start = await ledger.start(again(TWIN, "s-6"))
            await ledger.acked(start.claim)
            await ledger.session_ended("s-6")
            assert await standing(ledger, again(TWIN, "s-7")) is CLEAR

        run(scenario)

    def test_a_row_whose_session_goes_on_is_another_message_s(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, TWIN)

            assert await standing(ledger, again(TWIN)) is CLEAR

        run(scenario)

    def test_another_process_that_may_have_died_is_waited_for(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, ledger = storage.process(), storage.process()
            await deliver(first, TWIN)

            assert await standing(ledger, again(TWIN)) is BUSY
            assert await standing(ledger, TWIN) is CLEAR, "not redelivered, it is a twin"
            await first.close()
            assert await standing(ledger, again(TWIN)) is SENT

        run(scenario)

    def test_another_process_that_acks_its_own_was_sent_a_twin(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, ledger = storage.process(), storage.process()
            start = await deliver(first, TWIN)

            assert await standing(ledger, again(TWIN)) is BUSY
            await first.acked(start.claim)
            assert await standing(ledger, again(TWIN)) is CLEAR

        run(scenario)

    def test_a_dead_process_has_no_session(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first = storage.process()
            await deliver(first, TWIN)
            await first.close()

            assert await standing(storage.process(), again(TWIN)) is SENT

        run(scenario)

    def test_an_acked_one_is_forgotten(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await deliver(ledger, TWIN)
            await ledger.acked(start.claim)
            await ledger.session_ended(TWIN.session)

            assert await standing(ledger, again(TWIN)) is CLEAR

        run(scenario)

    def test_an_ack_that_comes_too_late_for_its_session_forgets_nothing(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await deliver(ledger, TWIN)
            await ledger.session_ended(TWIN.session)
            await ledger.acked(start.claim)

            assert await standing(ledger, again(TWIN)) is SENT

        run(scenario)

    def test_what_starts_after_its_session_has_ended_is_known_to_the_next(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await ledger.session_ended(TWIN.session)
            await deliver(ledger, TWIN)

            assert await standing(ledger, again(TWIN)) is SENT

        run(scenario)

    def test_a_redelivery_waits_for_the_send_that_goes_on_without_its_session(
        self, run: Run
    ) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(TWIN)
            await ledger.sending(start.claim, [ANN])
            await ledger.session_ended(TWIN.session)

            assert await standing(ledger, again(TWIN)) is BUSY
            await ledger.finish(start.claim, [ANN])
            assert await standing(ledger, again(TWIN)) is SENT
            assert await standing(ledger, again(TWIN)) is CLEAR

        run(scenario)

    def test_while_one_recipient_is_busy_no_sent_one_is_used_up(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(BOTH)
            await ledger.sent(start.claim, [ANN])
            await ledger.session_ended(BOTH.session)

            for _ in range(2):
                assert (await ledger.start(again(BOTH))).standings == everybody(BOTH, BUSY)
            await ledger.finish(start.claim, [BOB])
            assert (await ledger.start(again(BOTH))).standings == everybody(BOTH, SENT)

        run(scenario)

    def test_of_two_redelivered_twins_the_unfinished_is_matched_first(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first = storage.process()
            await deliver(first, TWIN)
            await die(first, TWIN, sending=True)
            ledger = storage.process()

            start = await ledger.start(again(TWIN))
            assert start.standings == {ANN: IN_DOUBT}
            assert start.is_suspect
            assert await standing(ledger, again(TWIN)) is SENT

        run(scenario)

    def test_of_two_unfinished_twins_the_dead_one_is_not_kept_waiting(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, ledger = storage.process(), storage.process()
            await ledger.start(TWIN)
            await ledger.session_ended(TWIN.session)
            await die(first, changed(TWIN, session="s-other"))

            assert (await ledger.start(again(TWIN))).is_suspect
            assert await standing(ledger, again(TWIN)) is BUSY

        run(scenario)

    def test_both_of_many_pairs_arrive_through_endless_cuts(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger, sends, session = storage.process(), 0, 0
            waiting = [TWIN, TWIN]  # what the broker has not been acked for
            while waiting and session < 20:
                session += 1
                seen = [changed(sight, session=f"s-{session}") for sight in waiting]
                for at, sight in enumerate(seen[:]):
                    start = await deliver(ledger, sight)
                    sends += start.standings[ANN] is CLEAR
                    if session > 6 + at:
                        await ledger.acked(start.claim)
                        waiting.pop()
                await ledger.session_ended(f"s-{session}")
                waiting = [again(sight) for sight in waiting]

            assert (sends, waiting) == (2, [])

        run(scenario)
