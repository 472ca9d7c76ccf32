"""Messages refused one after the other rest in the broker, so that others are tried."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from domain.breaker import EXCHANGE_DELAY, Breaker
from domain.errors import RefusedInARow, Throttled
from domain.events import channel_trouble
from domain.turns import Caller
from tests.fakes import FakePauses
from tests.support.relay_scene import VirtualClock
from tests.support.virtual_time import now, run

SENDER = (frozenset({"shop@example.com"}),)


class Scene:
    """Messages of one sender, to a provider that refuses until it is told to accept."""

    def __init__(self, is_back: Callable[[], bool] = lambda: True) -> None:
        self.breaker = Breaker(
            VirtualClock(), channel_trouble("email"), FakePauses(), is_back=is_back
        )
        self.is_refusing = True
        self.tries: list[tuple[float, str]] = []
        self.left: list[str] = []
        self._calls: list[asyncio.Task[None]] = []
        self._began = now()

    def come(self, *names: str) -> None:
        self._calls += [asyncio.create_task(self._call(name)) for name in names]

    async def seconds(self, seconds: float) -> list[str]:
        """Let time pass; who left for a rest in it."""
        self.left = []
        await asyncio.sleep(seconds)
        return sorted(self.left)

    async def end(self) -> None:
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _call(self, name: str) -> None:
        try:
            await self.breaker.call(partial(self._send, name), caller=partial(Caller, name, SENDER))
        except Throttled as error:
            if error.retry_after == EXCHANGE_DELAY:
                self.left.append(name)

    async def _send(self, name: str) -> None:
        self.tries.append((now() - self._began, name))
        if self.is_refusing:
            raise RefusedInARow("550 quota")


def play(scene: Callable[[Scene], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def main() -> None:
        stage = Scene(**settings)
        await scene(stage)
        await stage.end()

    run(main())


async def refuse_two(scene: Scene) -> None:
    """After 1.5 seconds `a` waits, which was refused, and `b` has left, which was refused too."""
    scene.come("a")
    await scene.seconds(0.5)
    scene.come("b")
    assert await scene.seconds(1) == ["b"]
    assert scene.tries == [(0, "a"), (1, "b")]


def test_up_to_five_more_than_were_refused_are_tried_one_after_the_other() -> None:
    async def scene(scene: Scene) -> None:
        await refuse_two(scene)
        scene.come(*"cdefg")
        assert await scene.seconds(2) == ["c"]
        assert await scene.seconds(4) == ["d"]

    play(scene)


def test_six_more_than_were_refused_make_all_that_wait_leave() -> None:
    async def scene(scene: Scene) -> None:
        await refuse_two(scene)
        scene.come(*"cdefgh")
        assert await scene.seconds(2) == list("acdefgh")

    play(scene)


def test_who_comes_back_from_a_rest_is_no_more_than_were_refused() -> None:
    async def scene(scene: Scene) -> None:
        await refuse_two(scene)
        scene.come(*"cdefgh")
        await scene.seconds(2)
        scene.come(*"acdefghijklm")  # five are new
        assert len(await scene.seconds(5)) == 1
        scene.come("n")
        assert len(await scene.seconds(5)) == 12

    play(scene)


def test_after_a_recovery_the_count_begins_again() -> None:
    async def scene(scene: Scene) -> None:
        await refuse_two(scene)
        scene.come(*"cdefg")
        scene.is_refusing = False
        assert await scene.seconds(5) == []
        assert len(scene.tries) == 2 + 6  # all but `b`, which rests
        scene.is_refusing = True
        scene.come("x")
        await scene.seconds(0.5)
        scene.come("b")
        assert await scene.seconds(1) == ["b"]
        scene.come(*"cdefg")
        assert await scene.seconds(2) == ["c"]

    play(scene)


def test_an_answer_that_does_not_show_the_end_is_followed_by_the_same_pause() -> None:
    signs = iter((False, False, True))

    async def scene(scene: Scene) -> None:
        await refuse_two(scene)
        scene.is_refusing = False
        scene.come("c")
        await scene.seconds(1.6)
        assert scene.tries[2:] == [(3, "c")]
        assert scene.breaker.is_open
        scene.come("d")
        await scene.seconds(1.8)
        assert scene.tries[3:] == []
        await scene.seconds(0.2)
        assert scene.tries[3:] == [(5, "d")]
        assert scene.breaker.is_open
        await scene.seconds(2)
        assert scene.tries[4:] == [(7, "a")]
        assert scene.breaker.is_open is False

    play(scene, is_back=partial(next, signs))
