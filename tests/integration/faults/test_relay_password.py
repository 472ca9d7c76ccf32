"""A refused password is nobody's message's fault: the backlog waits for the secret to change."""

import asyncio
from pathlib import Path

from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.smtp_server import SmtpServer
from tests.support.worker import running, wait_until


def test_fault_32_after_a_refused_password_the_backlog_flows_once_the_secret_file_is_right(
    tmp_path: Path, rabbitmq: Broker, queue: str
) -> None:
    async def scenario() -> SmtpServer:
        async with SmtpServer(users={"shop": "right"}) as server:
            relay = f"smtp://shop:{{}}@127.0.0.1:{server.port}"
            secret = tmp_path / "relay-url"
            secret.write_text(relay.format("wrong"))
            settings = shop_settings(tmp_path, rabbitmq.url, "", queue)
            settings |= {"email_url_file": str(secret)}
            with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
                await asyncio.to_thread(worker.wait_for, "consuming")
                peer.publish(queue, *(an_order(n) for n in range(300)))
                paused = "channel is paused: what it needs is away"
                told = await asyncio.to_thread(worker.wait_for, paused)
                assert "refused to sign us in" in told["error"]
                assert "wrong" not in worker.output
                assert (peer.ready(f"{queue}.dead"), server.accepted) == (0, [])

                secret.write_text(relay.format("right") + "\n")
                await asyncio.to_thread(
                    wait_until,
                    lambda: len(server.accepted) == 300 and peer.ready(queue) == 0,
                    seconds=60,
                    on_failure=lambda: worker.output,
                )
                assert {e["attempt"] for e in worker.events("notification sent")} == {1}
                assert await asyncio.to_thread(worker.terminate) == 0
            return server

    server = asyncio.run(scenario())

    assert sorted(server.deliveries) == sorted(f"user{n}@example.com" for n in range(300))
