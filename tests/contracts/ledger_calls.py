"""How every DeliveryLedger takes being called: at once, twice, half, with anything."""

import asyncio

import pytest

from domain.ledger import ClaimLost, LedgerUnavailable
from tests.contracts.ledger_harness import (
    ANN,
    BOB,
    BUSY,
    CLEAR,
    ID,
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

BOTH = changed(ID, recipients=(ANN, BOB))


class CallsContract:
    """Needs a fixture `run`."""

    def test_one_of_many_at_the_same_moment_may_go(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledgers = [storage.process() for _ in range(3)]
            starts = [ledger.start(ID) for ledger in ledgers for _ in range(20)]

            found = [start.states[ANN] for start in await asyncio.gather(*starts)]

            assert sorted(found) == [BUSY] * 59 + [CLEAR]

        run(scenario)

    def test_nothing_may_leave_for_a_delivery_that_is_not_ours(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(ID)

            with pytest.raises(ClaimLost):
                await ledger.sending(start.claim, [ANN, BOB])
            await ledger.close()
            assert await state_of(storage.process(), ID) is CLEAR

        run(scenario)

    def test_every_step_may_be_repeated(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            for delivery in (BOTH, changed(NO_ID, recipients=(ANN, BOB))):
                start = await ledger.start(delivery)
                for _ in range(2):
                    await ledger.sending(start.claim, [ANN, BOB])
                for _ in range(2):
                    await ledger.sent(start.claim, [ANN])
                await ledger.sending(start.claim, [ANN])
                for _ in range(2):
                    await ledger.finish(start.claim, [])
                await ledger.session_ended(delivery.session)
                await ledger.session_ended(delivery.session)
                assert (await ledger.start(again(delivery))).states == {ANN: SENT, BOB: CLEAR}

        run(scenario)

    def test_a_start_that_is_given_up_leaves_nothing_behind(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger, other = storage.process(), storage.process()
            await die(storage.process(), changed(ID, key="order-30"), sending=True)
            for turns in range(30):
                delivery = changed(ID, key=f"order-{turns}")
                task = asyncio.create_task(ledger.start(delivery))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                if task.cancelled():
                    assert (await deliver(ledger, delivery)).states == {ANN: CLEAR}

            assert await state_of(other, again(changed(ID, key="order-30"))) is IN_DOUBT

        run(scenario)

    def test_any_text_may_be_an_id_or_an_address(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            awkward = ("", "\0", "a b\n", "ä\N{BELL}", "x" * 5000, '"{[|:', "\udc80")
            for text in awkward:
                one = changed(ID, key=text, fingerprint=text, session=text)
                delivery = changed(one, recipients=[a for a in awkward if a and a.isprintable()])
                assert (await deliver(ledger, delivery)).states == everybody(delivery, CLEAR)
                assert (await ledger.start(delivery)).states == everybody(delivery, SENT)

        run(scenario)

    def test_it_may_be_closed_twice_and_then_refuses(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await ledger.start(ID)
            await ledger.close()
            await ledger.close()

            with pytest.raises(LedgerUnavailable):
                await ledger.start(ID)

        run(scenario)
