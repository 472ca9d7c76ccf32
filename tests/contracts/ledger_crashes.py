"""What every DeliveryLedger makes of a process that died."""

from itertools import pairwise

import pytest

from domain.ledger import Sight, Standing
from tests.contracts.ledger_harness import (
    ANN,
    BOB,
    BUSY,
    CLEAR,
    ID,
    IN_DOUBT,
    POISON,
    SENT,
    TWIN,
    Run,
    Storage,
    again,
    changed,
    deliver,
    die,
    standing,
)

BOTH = changed(ID, recipients=(ANN, BOB))


class CrashesContract:
    """Needs a fixture `run`."""

    @pytest.mark.parametrize(("sending", "known"), [(False, CLEAR), (True, IN_DOUBT)])
    @pytest.mark.parametrize("sight", [ID, TWIN])
    def test_what_a_dead_process_left_is_taken_over_once(
        self, run: Run, sight: Sight, sending: bool, known: Standing
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await die(storage.process(), sight, sending=sending)
            ledger = storage.process()

            start = await ledger.start(again(sight))

            assert start.standings == {ANN: known}
            assert start.is_suspect
            assert await standing(ledger, again(ID)) is (BUSY if sight is ID else CLEAR)
            await ledger.sending(start.claim, [ANN])
            await ledger.finish(start.claim, [ANN])
            await ledger.session_ended("s-2")
            assert await standing(ledger, again(sight, "s-3")) is SENT

        run(scenario)

    def test_a_doubt_outlives_whoever_inherits_it(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            await die(storage.process(), ID, sending=True)
            await die(storage.process(), again(ID))

            assert await standing(storage.process(), again(ID)) is IN_DOUBT

        run(scenario)

    @pytest.mark.parametrize("sight", [ID, TWIN])
    def test_the_third_process_that_ends_makes_it_poison_and_forgotten(
        self, run: Run, sight: Sight
    ) -> None:
        async def scenario(storage: Storage) -> None:
            await die(storage.process(), sight)
            for _ in range(2):
                start = await die(storage.process(), again(sight))
                assert start.standings == {ANN: CLEAR}
            ledger = storage.process()

            assert (await ledger.start(again(sight))).standings == {ANN: POISON}
            start = await ledger.start(again(sight))
            assert start.standings == {ANN: CLEAR}
            assert not start.is_suspect

        run(scenario)

    @pytest.mark.parametrize("sight", [BOTH, changed(TWIN, recipients=(ANN, BOB))])
    def test_poison_starts_nobody_and_forgets_nobody_who_was_sent_to(
        self, run: Run, sight: Sight
    ) -> None:
        async def scenario(storage: Storage) -> None:
            first = storage.process()
            start = await first.start(sight)
            await first.sent(start.claim, [BOB])
            await first.close()
            for _ in range(2):
                await die(storage.process(), again(sight))
            ledger = storage.process()

            assert (await ledger.start(again(sight))).standings == {ANN: POISON, BOB: SENT}
            await ledger.session_ended("s-2")
            last = await ledger.start(again(sight, "s-3"))
            assert last.standings == {ANN: CLEAR, BOB: SENT}

        run(scenario)

    def test_a_finished_suspect_is_none_any_more(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            for _ in range(4):
                await die(storage.process(), ID)
                ledger = storage.process()
                start = await ledger.start(again(ID))
                assert start.is_suspect
                await ledger.finish(start.claim, [])

        run(scenario)

    def test_of_ten_in_flight_each_is_a_suspect_and_none_waits_beside_another(
        self, run: Run
    ) -> None:
        async def scenario(storage: Storage) -> None:
            sights = [changed(ID, key=f"order-{n}") for n in range(10)]
            first = storage.process()
            for sight in sights:
                await first.start(sight)
            await first.close()
            ledger, other = storage.process(), storage.process()

            for sight, next_one in pairwise(sights):
                start = await ledger.start(again(sight))
                assert (start.is_suspect, start.standings) == (True, {ANN: CLEAR})
                waiting = await ledger.start(again(next_one))
                assert (waiting.is_suspect, waiting.standings) == (False, {ANN: BUSY})
                assert waiting.retry_after > 0
                await ledger.finish(start.claim, [ANN])
            assert (await other.start(again(sights[-1]))).is_suspect

        run(scenario)

    def test_one_of_ten_that_ends_every_process_leaves_nine_sent(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            sights = [changed(ID, key=f"order-{n}") for n in range(10)]
            for _ in range(3):
                ledger = storage.process()
                first, *others = [await ledger.start(again(sight)) for sight in sights]
                assert first.standings == {ANN: CLEAR}
                assert POISON not in [start.standings[ANN] for start in others]
                await ledger.close()
            ledger = storage.process()

            found = [(await deliver(ledger, again(sight))).standings[ANN] for sight in sights]

            assert found == [POISON] + [CLEAR] * 9

        run(scenario)
