"""What every DeliveryLedger makes of a process that died."""

from itertools import pairwise

import pytest

from domain.delivery import Delivery
from domain.ledger import RecipientState
from tests.contracts.ledger_harness import (
    ANN,
    BOB,
    BUSY,
    CLEAR,
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
    state_of,
)

BOTH = changed(ID, recipients=(ANN, BOB))


class CrashesContract:
    """Needs a fixture `run`."""

    @pytest.mark.parametrize(("sending", "known"), [(False, CLEAR), (True, IN_DOUBT)])
    @pytest.mark.parametrize("delivery", [ID, NO_ID])
    def test_what_a_dead_process_left_is_taken_over_once(
        self, run: Run, delivery: Delivery, sending: bool, known: RecipientState
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await die(storage.process(), delivery, sending=sending)
            ledger = storage.process()

            start = await ledger.start(again(delivery))

            assert start.states == {ANN: known}
            assert start.is_recovered
            assert await state_of(ledger, again(ID)) is (BUSY if delivery is ID else CLEAR)
            await ledger.sending(start.claim, [ANN])
            await ledger.finish(start.claim, [ANN])
            await ledger.session_ended("s-2")
            assert await state_of(ledger, again(delivery, "s-3")) is SENT

        run(scenario)

    @pytest.mark.parametrize("sent", [(ANN,), ()])
    def test_an_end_that_comes_after_the_take_over_changes_nothing(
        self, run: Run, sent: tuple[str, ...]
    ) -> None:
        async def scenario(storage: Storage) -> None:
            first, heir = storage.process(), storage.process()
            late = await first.start(ID)
            await first.close()
            start = await heir.start(again(ID))

            await storage.process().finish(late.claim, sent)

            assert await state_of(storage.process(), again(ID)) is BUSY
            await heir.sending(start.claim, [ANN])
            await heir.finish(start.claim, [ANN])
            assert await state_of(heir, again(ID)) is SENT

        run(scenario)

    def test_who_was_taken_over_next_to_somebody_new_is_forgotten_at_the_end(
        self, run: Run
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await die(storage.process(), ID)
            ledger = storage.process()
            start = await ledger.start(again(BOTH))
            assert start.is_recovered
            await ledger.sending(start.claim, [BOB])
            await ledger.finish(start.claim, [BOB])

            assert (await ledger.start(again(BOTH))).states == {ANN: CLEAR, BOB: SENT}

        run(scenario)

    def test_a_doubt_outlives_whoever_inherits_it(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            await die(storage.process(), ID, sending=True)
            await die(storage.process(), again(ID))

            assert await state_of(storage.process(), again(ID)) is IN_DOUBT

        run(scenario)

    @pytest.mark.parametrize("delivery", [ID, NO_ID])
    def test_the_third_process_that_ends_makes_it_poison_and_forgotten(
        self, run: Run, delivery: Delivery
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await die(storage.process(), delivery)
            for _ in range(2):
                start = await die(storage.process(), again(delivery))
                assert start.states == {ANN: CLEAR}
            ledger = storage.process()

            assert (await ledger.start(again(delivery))).states == {ANN: POISON}
            start = await ledger.start(again(delivery))
            assert start.states == {ANN: CLEAR}
            assert not start.is_recovered

        run(scenario)

    @pytest.mark.parametrize("delivery", [BOTH, changed(NO_ID, recipients=(ANN, BOB))])
    def test_poison_starts_nobody_and_forgets_nobody_who_was_sent_to(
        self, run: Run, delivery: Delivery
    ) -> None:
        async def scenario(storage: Storage) -> None:
            first = storage.process()
            start = await first.start(delivery)
            await first.sent(start.claim, [BOB])
            await first.close()
            for _ in range(2):
                await die(storage.process(), again(delivery))
            ledger = storage.process()

            assert (await ledger.start(again(delivery))).states == {ANN: POISON, BOB: SENT}
            await ledger.session_ended("s-2")
            last = await ledger.start(again(delivery, "s-3"))
            assert last.states == {ANN: CLEAR, BOB: SENT}

        run(scenario)

    def test_what_was_recovered_and_finished_is_as_any_other(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            for _ in range(4):
                await die(storage.process(), ID)
                ledger = storage.process()
                start = await ledger.start(again(ID))
                assert start.is_recovered
                await ledger.finish(start.claim, [])

        run(scenario)

    def test_of_ten_in_flight_each_is_recovered_and_one_at_a_time(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            deliveries = [changed(ID, key=f"order-{n}") for n in range(10)]
            first = storage.process()
            for delivery in deliveries:
                await first.start(delivery)
            await first.close()
            ledger, other = storage.process(), storage.process()

            for delivery, next_one in pairwise(deliveries):
                start = await ledger.start(again(delivery))
                assert (start.is_recovered, start.states) == (True, {ANN: CLEAR})
                waiting = await ledger.start(again(next_one))
                assert (waiting.is_recovered, waiting.states) == (False, {ANN: BUSY})
                await ledger.finish(start.claim, [ANN])
            assert (await other.start(again(deliveries[-1]))).is_recovered

        run(scenario)

    def test_one_of_ten_that_ends_every_process_leaves_nine_sent(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            deliveries = [changed(ID, key=f"order-{n}") for n in range(10)]
            for _ in range(3):
                ledger = storage.process()
                first, *others = [await ledger.start(again(delivery)) for delivery in deliveries]
                assert first.states == {ANN: CLEAR}
                assert POISON not in [start.states[ANN] for start in others]
                await ledger.close()
            ledger = storage.process()

            found = [
                (await deliver(ledger, again(delivery))).states[ANN] for delivery in deliveries
            ]

            assert found == [POISON] + [CLEAR] * 9

        run(scenario)
