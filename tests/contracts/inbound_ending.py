"""Ending: by drain, by stop, by the grace, by force."""

import asyncio
import signal
import sys
from datetime import timedelta

from adapters.inbound.contract import (
    InboundMessage,
    RetryCopy,
    Settlement,
)
from tests.contracts.inbound_harness import (
    InboundHarness,
    Recorder,
    Run,
    consuming,
    drained,
    publish,
)

HOUR = timedelta(hours=1)
HOLDER = """
import asyncio, sys

async def hold(message):
    print(message.body.decode(), flush=True)
    await asyncio.Event().wait()

asyncio.run(make_consumer(sys.argv[1]).run(hold))
"""


class EndingContract:
    """How a consumer ends, and that nothing is lost by it."""

    def test_drain_ends_when_all_is_settled_though_delayed_copies_wait(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            one, other = await inbound.fresh_queue(), await inbound.fresh_queue()
            await publish(inbound, one, b"a", b"b")
            await publish(inbound, other, b"c")

            def answer(message: InboundMessage) -> Settlement:
                later = RetryCopy(delay=HOUR, headers={}, exact=True)
                return Settlement([later] * (message.body == b"b"))

            recorder = Recorder(answer)
            await inbound.consumer(one, other).run(recorder, drain=True)

            assert sorted(recorder.bodies) == [b"a", b"b", b"c"]
            assert await drained(inbound, one, other) == []

        run(scenario)

    def test_stop_lets_what_is_in_flight_end_and_takes_no_more(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, started = await inbound.fresh_queue(), asyncio.Event()
            await publish(inbound, queue, b"in flight", b"waiting")
            ended: list[bytes] = []

            async def handle(message: InboundMessage) -> Settlement:
                started.set()
                await asyncio.sleep(0.3)
                ended.append(message.body)
                return Settlement()

            consumer = inbound.consumer(queue, prefetch=1)
            running = asyncio.create_task(consumer.run(handle))
            await started.wait()
            consumer.stop()
            consumer.stop()
            await running

            assert len(ended) == 1
            assert sorted([*ended, *await drained(inbound, queue)]) == [b"in flight", b"waiting"]

        run(scenario)

    def test_what_outlasts_the_grace_is_cancelled_and_handed_back(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, started = await inbound.fresh_queue(), asyncio.Event()
            await publish(inbound, queue, b"slow")
            cancelled = False

            async def hang(_: InboundMessage) -> Settlement:
                nonlocal cancelled
                started.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled = True
                    raise
                return Settlement()

            consumer = inbound.consumer(queue, grace=timedelta(milliseconds=300))
            running = asyncio.create_task(consumer.run(hang))
            await started.wait()
            consumer.stop()
            async with asyncio.timeout(20):
                await running
            again = Recorder()
            await drained(inbound, queue, handler=again)

            assert cancelled
            assert [(m.body, m.redelivered) for m in again.seen] == [(b"slow", True)]

        run(scenario)

    def test_a_killed_process_loses_nothing_it_had_taken(self, run: Run) -> None:
        async def scenario(inbound: InboundHarness) -> None:
            queue, again = await inbound.fresh_queue(), Recorder()
            await publish(inbound, queue, b"taken")
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", inbound.consumer_source + HOLDER, queue),
                stdout=asyncio.subprocess.PIPE,
            )
            assert child.stdout is not None
            line = await child.stdout.readline()
            child.send_signal(signal.SIGKILL)
            await child.wait()

            async with consuming(inbound.consumer(queue), again):
                await again.saw(1)

            assert line == b"taken\n"
            assert [(m.body, m.redelivered) for m in again.seen] == [(b"taken", True)]

        run(scenario)
