"""Settling: copies for later, dead letters, and the way back."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.inbound.contract import (
    DeadCopy,
    Decision,
    InboundMessage,
    Keep,
    Release,
    Remove,
    RetryCopy,
    Settlement,
)
from adapters.message_format.rules import Properties
from tests.contracts.inbound_harness import (
    ALL_PROPERTIES,
    AWKWARD_BODIES,
    HEADERS,
    InboundHarness,
    Recorder,
    Run,
    bury,
    burying,
    consuming,
    dead,
    drained,
    given_headers,
    publish,
)


class SettlingContract:
    """Copies for later, dead letters, and the way back."""

    def test_a_retry_copy_returns_after_its_delay_with_the_new_headers_and_the_old_body(
        self, run: Run
    ) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, loop = await inbound.fresh_queue(), asyncio.get_running_loop()
            times: list[float] = []

            def answer(message: InboundMessage) -> Settlement:
                times.append(loop.time())
                first = "x-dispatcher-attempt" not in message.headers
                return Settlement([RetryCopy(delay=inbound.tier, headers=HEADERS)] * first)

            recorder = Recorder(answer)
            body = b"\x00\xff byte for byte"
            foreign = {"x-foreign": "stays behind"}
            async with consuming(inbound.consumer(queue), recorder):
                await publish(inbound, queue, body, properties=ALL_PROPERTIES, headers=foreign)
                await recorder.saw(2)

            original, copy = recorder.seen
            assert given_headers(original) == foreign
            assert given_headers(copy) == HEADERS
            assert (copy.body, copy.properties, copy.queue) == (body, ALL_PROPERTIES, queue)
            assert not copy.redelivered
            # A broker counts milliseconds from when it stored the copy: after the answer.
            assert inbound.tier.total_seconds() - 0.005 <= times[1] - times[0] < 20
            assert await drained(inbound, queue) == []

        run(scenario)

    def test_an_exact_wait_ends_when_it_is_due(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, loop = await inbound.fresh_queue(), asyncio.get_running_loop()
            wait, due, late = 1.3, 0.0, asyncio.get_running_loop().create_future()

            def answer(_: InboundMessage) -> Settlement:
                nonlocal due
                due = due or loop.time() + wait
                if (left := due - loop.time()) > 0.005:
                    rest = timedelta(seconds=left)
                    return Settlement([RetryCopy(delay=rest, headers={}, exact=True)])
                late.set_result(-left)
                return Settlement()

            recorder = Recorder(answer)
            await publish(inbound, queue, b"x")
            async with consuming(inbound.consumer(queue), recorder):
                lateness = await late

            assert lateness < 15
            assert await drained(inbound, queue) == []
            if inbound.delays_exactly:
                assert len(recorder.seen) == 2

        run(scenario)

    def test_one_message_may_leave_several_copies(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            await publish(inbound, queue, b"x")

            def answer(message: InboundMessage) -> Settlement:
                if "n" in message.headers:
                    return Settlement()
                soon = RetryCopy(delay=inbound.tier, headers={"n": 1})
                return Settlement([soon, DeadCopy(headers={"n": 2}), DeadCopy(headers={"n": 3})])

            recorder = Recorder(answer)
            async with consuming(inbound.consumer(queue), recorder):
                await recorder.saw(2)

            assert given_headers(recorder.seen[1]) == {"n": 1}
            letters = [(one.body, given_headers(one)) for one in await dead(inbound, queue)]
            assert letters == [(b"x", {"n": 2}), (b"x", {"n": 3})]

        run(scenario)

    def test_a_dead_letter_keeps_its_body_and_properties_and_names_its_work_queue(
        self, run: Run
    ) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            for body in AWKWARD_BODIES:
                await publish(inbound, queue, body, properties=ALL_PROPERTIES)
            await drained(inbound, queue, handler=burying(HEADERS))

            letters = await dead(inbound, queue)

            assert sorted(letter.body for letter in letters) == sorted(AWKWARD_BODIES)
            assert {letter.queue for letter in letters} == {queue}
            assert all(letter.properties == ALL_PROPERTIES for letter in letters)
            assert all(given_headers(letter) == HEADERS for letter in letters)
            assert await drained(inbound, queue) == []

        run(scenario)

    def test_letters_looked_at_forty_times_are_all_there_in_their_order(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            await bury(inbound, queue, b"a", b"b", b"c")

            looks = [[m.body for m in await dead(inbound, queue)] for _ in range(40)]

            assert looks == [[b"a", b"b", b"c"]] * 40

        run(scenario)

    def test_a_visit_removes_releases_and_keeps_as_decided(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            await bury(inbound, queue, b"keep 1", b"remove", b"release", b"keep 2")
            decisions: dict[bytes, Decision] = {b"remove": Remove.REMOVE}
            decisions[b"release"] = Release(headers=HEADERS)
            done: list[bytes] = []

            async def decide(letter: InboundMessage) -> Decision:
                await asyncio.sleep(0.01)
                return decisions.get(letter.body, Keep.KEEP)

            shown = await inbound.dead_letters().visit(
                queue, decide, lambda letter: done.append(letter.body)
            )
            left = [letter.body for letter in await dead(inbound, queue)]
            recorder = Recorder()
            await drained(inbound, queue, handler=recorder)

            assert (shown, sorted(done)) == (4, [b"release", b"remove"])
            assert left == [b"keep 1", b"keep 2"]
            assert [(m.body, given_headers(m)) for m in recorder.seen] == [(b"release", HEADERS)]

        run(scenario)

    def test_letters_are_counted_without_a_look_at_them(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            letters = inbound.dead_letters()
            assert await letters.count(queue) == 0
            await bury(inbound, queue, b"one", b"two")
            await publish(inbound, queue, b"alive")

            assert await letters.count(queue) == 2
            assert [letter.delivery_count for letter in await dead(inbound, queue)] == [0, 0]

        run(scenario)

    @pytest.mark.parametrize("others", [None, replace(ALL_PROPERTIES, content_encoding=None)])
    def test_a_letter_may_be_released_with_another_body_and_properties(
        self, run: Run, others: Properties | None
    ) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            await publish(inbound, queue, b"wrong", properties=ALL_PROPERTIES)
            await drained(inbound, queue, handler=burying({}))

            async def mend(letter: InboundMessage) -> Decision:
                return Release(headers=HEADERS, body=b"right", properties=others)

            await inbound.dead_letters().visit(queue, mend)
            recorder = Recorder()
            await drained(inbound, queue, handler=recorder)

            [mended] = recorder.seen
            assert (mended.body, given_headers(mended)) == (b"right", HEADERS)
            assert mended.properties == (others or ALL_PROPERTIES)
            assert await dead(inbound, queue) == []

        run(scenario)

    def test_a_letter_released_while_the_next_is_judged_is_already_on_its_way(
        self, run: Run
    ) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            await bury(inbound, queue, b"first", b"second")
            moved = asyncio.Event()

            async def decide(letter: InboundMessage) -> Decision:
                if letter.body == b"second":
                    async with asyncio.timeout(10):
                        await moved.wait()
                return Release(headers={})

            shown = await inbound.dead_letters().visit(queue, decide, lambda _: moved.set())

            assert shown == 2
            assert await drained(inbound, queue) == [b"first", b"second"]

        run(scenario)

    def test_what_was_kept_elsewhere_is_buried_as_it_was(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            nameless = replace(ALL_PROPERTIES, message_id=None)
            publisher = inbound.publisher()
            for body in AWKWARD_BODIES:
                await publisher.bury(queue, body, properties=nameless, headers=HEADERS)

            letters = await dead(inbound, queue)

            assert [letter.body for letter in letters] == AWKWARD_BODIES
            assert [given_headers(letter) for letter in letters] == [HEADERS] * len(letters)
            assert [letter.properties for letter in letters] == [nameless] * len(letters)
            assert await drained(inbound, queue) == []

        run(scenario)

    def test_the_dead_letters_of_a_queue_that_has_none_are_no_letters(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            assert await dead(inbound, await inbound.fresh_queue()) == []
            assert await dead(inbound, "nobody-ever-used-this") == []

        run(scenario)

    def test_of_a_thousand_messages_each_ends_in_exactly_one_place(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, sent = await inbound.fresh_queue(), Counter[bytes]()
            bodies = [b"%d" % n for n in range(1000)]
            await publish(inbound, queue, *bodies)

            def answer(message: InboundMessage) -> Settlement:
                number = int(message.body)
                if number % 7 == 0:
                    return Settlement([DeadCopy(headers={})])
                if number % 5 == 0 and "n" not in message.headers:
                    return Settlement([RetryCopy(delay=inbound.tier, headers={"n": 1})])
                sent[message.body] += 1
                return Settlement()

            expected = {body: 1 for body in bodies if int(body) % 7}
            async with consuming(inbound.consumer(queue, prefetch=50), Recorder(answer)):
                while sum(sent.values()) < len(expected):
                    await asyncio.sleep(0.05)

            letters = Counter(letter.body for letter in await dead(inbound, queue))
            assert sent == expected
            assert letters == {body: 1 for body in bodies if int(body) % 7 == 0}
            assert await drained(inbound, queue) == []

        run(scenario)
