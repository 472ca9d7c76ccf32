"""Between the server's 250 and our ack: the window in which others send twice."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.faults.scene import Scene
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_script import Call, CutAfter
from tests.support.smtp_server import SmtpServer
from tests.support.tcp_proxy import tcp_proxy
from tests.support.worker import running, wait_until

CUTS = 200


def _messages(count: int) -> list[bytes]:
    """One half has ids; the other is pairs of equal messages without one."""
    with_ids = [an_order(n) for n in range(count // 2)]
    equal = [an_order(n, id=None) for n in range(count // 2, count * 3 // 4)]
    return [*with_ids, *equal, *equal]


@pytest.mark.slow
def test_fault_7_a_cut_between_the_reply_and_the_ack_never_sends_twice(
    tmp_path: Path, rabbitmq: Broker, queue: str
) -> None:
    async def scenario() -> SmtpServer:
        host, _, port = rabbitmq.url.rpartition("@")[2].partition("/")[0].partition(":")
        async with SmtpServer() as server, tcp_proxy(host, int(port)) as proxy:
            settings = shop_settings(
                tmp_path,
                rabbitmq.with_(port=proxy.port),
                f"smtp://127.0.0.1:{server.port}",
                queue,
            )
            with running(tmp_path, settings) as worker:
                await asyncio.to_thread(worker.wait_for, "consuming")
                server.on("dot", Call(proxy.cut, "250 2.0.0 queued"), times=CUTS)
                with Peer(rabbitmq.url) as peer:
                    messages = _messages(600)
                    peer.publish(queue, *messages)
                    await asyncio.to_thread(
                        wait_until,
                        lambda: len(server.accepted) >= len(messages) and peer.ready(queue) == 0,
                        seconds=240,
                        on_failure=lambda: worker.output,
                    )
                assert await asyncio.to_thread(worker.terminate) == 0
            with Peer(rabbitmq.url) as peer:
                assert peer.ready(queue) == 0
                assert not peer.ready(f"{queue}.dead")
            return server

    server = asyncio.run(scenario())

    sent = Counter(server.deliveries)
    wanted = Counter(json.loads(message)["to"] for message in _messages(600))
    print(f"{CUTS} cuts, {sum(sent.values()) - sum(wanted.values())} duplicates")
    assert sent == wanted


def test_what_is_held_in_doubt_is_not_sent_again_where_the_broker_was_lost_too(
    scene: Scene,
) -> None:
    scene.settings |= {"in_doubt": "hold"}
    scene.server.on("payload", CutAfter(100, before=scene.proxy.cut), times=5)
    scene.publish_orders(20)

    scene.finish(dead=5)

    account = scene.account()
    assert set(account.dead.values()) == {"in_doubt"}
    assert (len(account.sent), account.duplicates) == (15, 0)
    assert account.sent.keys().isdisjoint(account.dead)
