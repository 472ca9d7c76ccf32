"""The worker process at a relay that takes few connections, mails a session and recipients."""

from collections import Counter
from pathlib import Path

from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.relay_run import PAUSED
from tests.support.smtp_limits import LimitedSmtpServer, Limits
from tests.support.smtp_server import Say
from tests.support.threads import in_thread
from tests.support.worker import running, wait_until

UNKNOWN = [f"unknown{n}@example.com" for n in range(45)]
PEOPLE = [f"person{n}@example.com" for n in range(160)]
LIMITS = Limits(
    connections=3,
    session_mails=10,
    session_reply="452 4.5.3 Too many recipients: Too many messages sent",
    mail_recipients=50,
    errors=20,
    unknown=frozenset(UNKNOWN),
)


def test_field_5_13_all_limits_of_a_relay_together_cost_a_worker_no_attempt_and_no_pause(
    tmp_path: Path, broker: Broker, queue: str
) -> None:
    single = 150
    with in_thread(LimitedSmtpServer(LIMITS)) as server:
        server.on("dot", Say("250 2.0.0 queued", delay=0.005))
        relay = f"smtp://127.0.0.1:{server.port}"
        settings = shop_settings(tmp_path, broker.url, relay, queue)
        with running(tmp_path, settings) as worker, Peer(broker.url) as peer:
            worker.wait_for("consuming")
            for number in range(single):
                peer.publish(queue, an_order(number))
            peer.publish(queue, an_order(900, to=[*PEOPLE, *UNKNOWN]))
            wait_until(
                lambda: (
                    len(set(server.deliveries)) == single + len(PEOPLE)
                    and peer.ready(f"{queue}.dead") == 1
                ),
                on_failure=lambda: worker.output,
            )
            assert worker.terminate() == 0
            assert peer.ready(queue) == 0

    assert set(Counter(server.deliveries).values()) == {1}
    assert server.most_at_once <= 3
    assert worker.events("notification deferred") == []
    assert worker.events(PAUSED) == []
    assert {entry["attempt"] for entry in worker.events("notification sent")} == {1}
