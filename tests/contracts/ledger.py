"""What every DeliveryLedger keeps where the producer gave an id, and whatever the sight."""

import asyncio
from itertools import pairwise

import pytest

from domain.ledger import LedgerUnavailable
from tests.contracts.ledger_harness import (
    ANN,
    BOB,
    BUSY,
    CLEAR,
    CONFLICT,
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
    everybody,
    standing,
)

BOTH = changed(ID, recipients=(ANN, BOB))


class LedgerContract:
    """Needs a fixture `run`."""

    def test_what_was_never_seen_is_clear_for_everybody(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            start = await storage.process().start(BOTH)

            assert start.standings == everybody(BOTH, CLEAR)
            assert not start.is_suspect
            assert start.retry_after == 0.0

        run(scenario)

    @pytest.mark.parametrize("sight", [ID, again(ID), changed(ID, session="s-9")])
    def test_what_was_sent_is_sent_whatever_came_since(self, run: Run, sight: object) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await deliver(first, ID)
            await first.acked(start.claim)
            await first.session_ended(ID.session)
            await first.close()

            assert await standing(other, sight) is SENT
            assert await standing(other, sight) is SENT

        run(scenario)

    def test_what_somebody_alive_is_sending_is_busy_until_it_is_sent(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await first.start(ID)

            for ledger in (first, other):
                answer = await ledger.start(again(ID))
                assert answer.standings == {ANN: BUSY}
                assert 0 < answer.retry_after <= 5
            await first.sending(start.claim, [ANN])
            assert await standing(other, again(ID)) is BUSY
            await first.finish(start.claim, [ANN])
            assert await standing(other, again(ID)) is SENT

        run(scenario)

    def test_a_busy_recipient_keeps_the_others_from_being_started(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            await first.start(ID)

            assert (await other.start(BOTH)).standings == everybody(BOTH, BUSY)
            assert await standing(first, changed(ID, recipients=(BOB,))) is CLEAR

        run(scenario)

    def test_who_was_not_sent_to_is_forgotten_at_the_end(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(BOTH)
            await ledger.sending(start.claim, [ANN, BOB])
            await ledger.finish(start.claim, [BOB])

            assert (await ledger.start(BOTH)).standings == {ANN: CLEAR, BOB: SENT}

        run(scenario)

    def test_who_was_sent_to_on_the_way_stays_sent_though_the_start_ends_otherwise(
        self, run: Run
    ) -> None:
        async def scenario(storage: Storage) -> None:
            first, other = storage.process(), storage.process()
            start = await first.start(BOTH)
            await first.sending(start.claim, [ANN])
            await first.sent(start.claim, [ANN])

            assert (await other.start(BOTH)).standings == {ANN: SENT, BOB: BUSY}
            await first.finish(start.claim, [])
            assert (await other.start(BOTH)).standings == {ANN: SENT, BOB: CLEAR}

        run(scenario)

    def test_another_body_under_the_same_id_is_a_conflict_for_everybody(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, ID)
            other_body = changed(BOTH, fingerprint="f-2")

            assert (await ledger.start(other_body)).standings == everybody(BOTH, CONFLICT)
            assert (await ledger.start(BOTH)).standings == {ANN: SENT, BOB: CLEAR}

        run(scenario)

    def test_a_body_that_never_got_anywhere_conflicts_with_nothing(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(ID)
            await ledger.finish(start.claim, [])

            assert await standing(ledger, changed(ID, fingerprint="f-2")) is CLEAR

        run(scenario)

    @pytest.mark.parametrize(
        "other",
        [changed(ID, channel="slack"), changed(ID, key="order-2"), changed(TWIN, key=ID.key)],
    )
    def test_channel_id_and_content_are_told_apart(self, run: Run, other: object) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            await deliver(ledger, ID)
            await ledger.session_ended(ID.session)

            assert await standing(ledger, again(other)) is CLEAR

        run(scenario)

    @pytest.mark.parametrize(("sending", "known"), [(False, CLEAR), (True, IN_DOUBT)])
    @pytest.mark.parametrize("sight", [ID, TWIN])
    def test_what_a_dead_process_left_is_taken_over_once(
        self, run: Run, sight: object, sending: bool, known: object
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
        self, run: Run, sight: object
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
        self, run: Run, sight: object
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

    def test_one_of_many_at_the_same_moment_may_go(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledgers = [storage.process() for _ in range(3)]
            starts = [ledger.start(ID) for ledger in ledgers for _ in range(20)]

            found = [start.standings[ANN] for start in await asyncio.gather(*starts)]

            assert sorted(found) == [BUSY] * 59 + [CLEAR]

        run(scenario)

    def test_nothing_may_leave_for_a_delivery_that_is_not_ours(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            start = await ledger.start(ID)

            with pytest.raises(LedgerUnavailable):
                await ledger.sending(start.claim, [ANN, BOB])
            await ledger.close()
            assert await standing(storage.process(), ID) is CLEAR

        run(scenario)

    def test_every_step_may_be_repeated(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            for sight in (BOTH, changed(TWIN, recipients=(ANN, BOB))):
                start = await ledger.start(sight)
                for _ in range(2):
                    await ledger.sending(start.claim, [ANN, BOB])
                for _ in range(2):
                    await ledger.sent(start.claim, [ANN])
                await ledger.sending(start.claim, [ANN])
                for _ in range(2):
                    await ledger.finish(start.claim, [])
                await ledger.session_ended(sight.session)
                await ledger.session_ended(sight.session)
                assert (await ledger.start(again(sight))).standings == {ANN: SENT, BOB: CLEAR}

        run(scenario)

    def test_a_start_that_is_given_up_leaves_nothing_behind(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger, other = storage.process(), storage.process()
            await die(storage.process(), changed(ID, key="order-30"), sending=True)
            for turns in range(30):
                sight = changed(ID, key=f"order-{turns}")
                task = asyncio.create_task(ledger.start(sight))
                for _ in range(turns):
                    await asyncio.sleep(0)
                if task.cancel():
                    await asyncio.wait([task])
                    assert (await deliver(ledger, sight)).standings == {ANN: CLEAR}

            assert await standing(other, again(changed(ID, key="order-30"))) is IN_DOUBT

        run(scenario)

    def test_any_text_may_be_an_id_or_an_address(self, run: Run) -> None:
        async def scenario(storage: Storage) -> None:
            ledger = storage.process()
            awkward = ("", "\0", "a b\n", "ä\N{BELL}", "x" * 5000, '"{[|:', "\udc80")
            for text in awkward:
                sight = changed(ID, key=text, fingerprint=text, session=text, recipients=awkward)
                assert (await deliver(ledger, sight)).standings == everybody(sight, CLEAR)
                assert (await ledger.start(sight)).standings == everybody(sight, SENT)

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
