"""Handing messages out: what arrives, how often, and how many at once."""

import asyncio
import time
from collections import Counter
from datetime import timedelta

from adapters.inbound.contract import (
    InboundMessage,
    Settlement,
)
from domain.ledger import Claim
from tests.contracts.inbound_harness import (
    ALL_PROPERTIES,
    AWKWARD_BODIES,
    HEADERS,
    InboundHarness,
    Recorder,
    Run,
    consuming,
    drained,
    given_headers,
    publish,
)


class ConsumingContract:
    """Hand-out, hand-back, order of ending, and stopping."""

    def test_a_message_is_handled_once_as_it_was_published_and_then_gone(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, recorder = await inbound.fresh_queue(), Recorder()
            await publish(inbound, queue, b"hello", properties=ALL_PROPERTIES, headers=HEADERS)

            async with consuming(inbound.consumer(queue), recorder):
                await recorder.saw(1)

            (message,) = recorder.seen
            assert (message.queue, message.body) == (queue, b"hello")
            assert message.properties == ALL_PROPERTIES
            assert given_headers(message) == HEADERS
            assert (message.redelivered, message.delivery_count) == (False, 0)
            assert await drained(inbound, queue) == []

        run(scenario)

    def test_any_bytes_are_a_body(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            await publish(inbound, queue, *AWKWARD_BODIES)

            assert sorted(await drained(inbound, queue)) == sorted(AWKWARD_BODIES)

        run(scenario)

    def test_a_message_published_to_a_running_consumer_arrives_within_a_second(
        self, run: Run
    ) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, recorder = await inbound.fresh_queue(), Recorder()
            async with consuming(inbound.consumer(queue), recorder):
                waits = []
                for number in range(5):
                    began = time.monotonic()
                    await publish(inbound, queue, b"now")
                    async with asyncio.timeout(60):
                        await recorder.saw(number + 1)
                    waits.append(time.monotonic() - began)
            assert min(waits) < 1  # the machine may be busy for one of them

        run(scenario)

    def test_a_consumer_is_ready_only_while_it_consumes(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            consumer = inbound.consumer(await inbound.fresh_queue())
            before = consumer.is_ready
            async with consuming(consumer, Recorder()):
                during = consumer.is_ready

            assert (before, during, consumer.is_ready) == (False, True, False)

        run(scenario)

    def test_a_message_whose_handler_failed_is_handed_out_again_and_says_so(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            await publish(inbound, queue, b"x")

            def fail_first(message: InboundMessage) -> Settlement:
                if not message.redelivered:
                    raise RuntimeError("a fault in the handler")
                return Settlement()

            recorder = Recorder(fail_first)
            async with consuming(inbound.consumer(queue), recorder):
                await recorder.saw(2)

            assert [message.redelivered for message in recorder.seen] == [False, True]
            assert await drained(inbound, queue) == []

        run(scenario)

    def test_messages_are_handled_at_once_up_to_the_prefetch(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue = await inbound.fresh_queue()
            await publish(inbound, queue, *(b"%d" % n for n in range(12)))
            running, most, together = 0, 0, asyncio.Event()

            async def handle(_: InboundMessage) -> Settlement:
                nonlocal running, most
                running += 1
                most = max(most, running)
                if running == 4:
                    together.set()
                await together.wait()
                await asyncio.sleep(0.02)
                running -= 1
                return Settlement()

            await inbound.consumer(queue, prefetch=4).run(handle, drain=True)

            assert most == 4

        run(scenario)

    def test_handlers_that_hang_block_neither_their_queue_nor_another(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            stuck, half_stuck = await inbound.fresh_queue(), await inbound.fresh_queue()
            await publish(inbound, stuck, b"hang", b"hang", b"hang")
            await publish(inbound, half_stuck, b"hang", *(b"%d" % n for n in range(20)))
            served = Recorder()

            async def handle(message: InboundMessage) -> Settlement:
                if message.body == b"hang":
                    await asyncio.Event().wait()
                return await served(message)

            consumer = inbound.consumer(
                stuck, half_stuck, prefetch=2, grace=timedelta(milliseconds=100)
            )
            async with consuming(consumer, handle):
                await served.saw(20)

            assert set(served.bodies) == {b"%d" % n for n in range(20)}
            assert {message.queue for message in served.seen} == {half_stuck}

        run(scenario)

    def test_the_claims_of_a_settlement_are_given_to_the_ledger_before_the_ack(
        self, run: Run
    ) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, order = await inbound.fresh_queue(), list[str]()
            await publish(inbound, queue, b"a")

            async def handle(message: InboundMessage) -> Settlement:
                order.append("handled")
                return Settlement(claims=[Claim("c-1", has_id=False), Claim("c-2", has_id=False)])

            async def before_ack(claim: Claim) -> None:
                order.append(claim.name)

            consumer = inbound.consumer(queue)
            await consumer.run(handle, drain=True, before_ack=before_ack)

            assert order == ["handled", "c-1", "c-2"]
            assert await drained(inbound, queue) == []

        run(scenario)

    def test_two_consumers_share_the_work_and_do_nothing_twice(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, seen = await inbound.fresh_queue(), Counter[bytes]()
            await publish(inbound, queue, *(b"%d" % n for n in range(200)))

            async def handle(message: InboundMessage) -> Settlement:
                await asyncio.sleep(0.005)
                seen[message.body] += 1
                return Settlement()

            await asyncio.gather(
                *(inbound.consumer(queue).run(handle, drain=True) for _ in range(2))
            )

            assert seen == {b"%d" % n: 1 for n in range(200)}

        run(scenario)
