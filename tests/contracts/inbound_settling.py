"""Settling: copies for later, dead letters, and the way back."""

import asyncio
from collections import Counter
from datetime import timedelta

from adapters.wire.inbound import (
    DeadCopy,
    InboundMessage,
    Keep,
    Release,
    Remove,
    RetryCopy,
    Settlement,
)
from tests.contracts.inbound_harness import (
    ALL_PROPERTIES,
    AWKWARD_BODIES,
    HEADERS,
    InboundHarness,
    Recorder,
    Run,
    bury,
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
                return [RetryCopy(delay=inbound.tier, headers=HEADERS)] if first else ()

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
            assert inbound.tier.total_seconds() - 0.005 <= times[1] - times[0] < 5
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
                    return [RetryCopy(delay=timedelta(seconds=left), headers={}, exact=True)]
                late.set_result(-left)
                return ()

            recorder = Recorder(answer)
            await publish(inbound, queue, b"x")
            async with consuming(inbound.consumer(queue), recorder):
                lateness = await late

            assert lateness < 3
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
                    return ()
                soon = RetryCopy(delay=inbound.tier, headers={"n": 1})
                return [soon, DeadCopy(headers={"n": 2}), DeadCopy(headers={"n": 3})]

            recorder = Recorder(answer)
            async with consuming(inbound.consumer(queue), recorder):
                await recorder.saw(2)

            assert given_headers(recorder.seen[1]) == {"n": 1}
            letters = await dead(inbound, queue)
            assert [(m.body, given_headers(m)) for m in letters] == [
                (b"x", {"n": 2}),
                (b"x", {"n": 3}),
            ]

        run(scenario)

    def test_a_dead_letter_keeps_its_body_and_properties_and_names_its_work_queue(
        self, run: Run
    ) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            for body in AWKWARD_BODIES:
                await publish(inbound, queue, body, properties=ALL_PROPERTIES)
            await drained(inbound, queue, handler=Recorder(lambda _: [DeadCopy(headers=HEADERS)]))

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
            decisions = {b"remove": Remove.REMOVE, b"release": Release(headers=HEADERS)}

            shown = await inbound.dead_letters().visit(
                queue, lambda letter: decisions.get(letter.body, Keep.KEEP)
            )
            left = [letter.body for letter in await dead(inbound, queue)]
            recorder = Recorder()
            await drained(inbound, queue, handler=recorder)

            assert shown == 4
            assert left == [b"keep 1", b"keep 2"]
            assert [(m.body, given_headers(m)) for m in recorder.seen] == [(b"release", HEADERS)]

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
                    return [DeadCopy(headers={})]
                if number % 5 == 0 and "n" not in message.headers:
                    return [RetryCopy(delay=inbound.tier, headers={"n": 1})]
                sent[message.body] += 1
                return ()

            expected = {body: 1 for body in bodies if int(body) % 7}
            async with consuming(inbound.consumer(queue, prefetch=50), Recorder(answer)):
                while sum(sent.values()) < len(expected):
                    await asyncio.sleep(0.05)

            letters = Counter(letter.body for letter in await dead(inbound, queue))
            assert sent == expected
            assert letters == {body: 1 for body in bodies if int(body) % 7 == 0}
            assert await drained(inbound, queue) == []

        run(scenario)
