"""Logins with credentials that may be wrong: one at a time, and few."""

import asyncio

import pytest

from adapters.channels.email.sign_in import SignInGate
from domain.errors import Unavailable
from tests.support.virtual_time import run


class Relay:
    """Takes one password; counts logins and how many overlap."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.logins: list[str] = []
        self.running = 0
        self.most_at_once = 0

    async def log_in(self, password: str) -> str:
        self.logins.append(password)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        await asyncio.sleep(0.01)
        self.running -= 1
        if password != self.password:
            raise Unavailable("535 no", is_login=True)
        return "session"


async def ask(gate: SignInGate, relay: Relay, password: str, now: str = "") -> object:
    return await gate.open(lambda: relay.log_in(password), password, lambda: now or password)


def test_field_5_11_after_a_refused_login_those_waiting_do_not_dial() -> None:
    async def main() -> Relay:
        gate, relay = SignInGate(), Relay("right")
        asked = [ask(gate, relay, "wrong") for _ in range(80)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(a, Unavailable) and a.is_login for a in answers)
        with pytest.raises(Unavailable, match="535 no"):
            await ask(gate, relay, "wrong")
        return relay

    assert len(asyncio.run(main()).logins) == 1


def test_field_5_11_however_often_it_is_asked_the_relay_sees_ten_logins_in_an_hour() -> None:
    async def main() -> list[float]:
        gate, relay = SignInGate(), Relay("right")
        logins: list[float] = []
        began = asyncio.get_running_loop().time()
        for second in range(3600):
            known = len(relay.logins)
            with pytest.raises(Unavailable):
                await ask(gate, relay, "wrong")
            if len(relay.logins) > known:
                logins.append(second)
            await asyncio.sleep(began + second + 1 - asyncio.get_running_loop().time())
        return logins

    logins = run(main())

    assert len(logins) <= 10
    assert len([second for second in logins if second <= 10]) <= 2


def test_good_credentials_are_used_side_by_side_once_one_login_has_shown_them() -> None:
    async def main() -> Relay:
        gate, relay = SignInGate(), Relay("right")
        await asyncio.gather(*(ask(gate, relay, "right") for _ in range(3)))
        assert relay.most_at_once == 1
        await asyncio.gather(*(ask(gate, relay, "right") for _ in range(10)))
        return relay

    relay = asyncio.run(main())

    assert relay.most_at_once == 10
    assert len(relay.logins) == 13


def test_other_credentials_are_tried_at_once() -> None:
    async def main() -> object:
        gate, relay = SignInGate(), Relay("right")
        with pytest.raises(Unavailable) as caught:
            await ask(gate, relay, "wrong", now="right")
        assert caught.value.changed()
        assert "wrong" not in str(vars(caught.value))
        return await ask(gate, relay, "right")

    assert asyncio.run(main()) == "session"


def test_another_fault_than_a_refused_login_holds_up_the_next_try_by_nothing() -> None:
    async def away() -> str:
        raise Unavailable("connection refused", safe_to_repeat=True)

    async def main() -> object:
        gate = SignInGate()
        with pytest.raises(Unavailable, match="refused"):
            await gate.open(away, "password", lambda: "password")
        return await ask(gate, Relay("password"), "password")

    assert asyncio.run(main()) == "session"
