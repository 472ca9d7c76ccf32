"""The worker under load: memory stays flat, and a kill loses nothing."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import MailHog
from tests.support.mailbox import Mailbox
from tests.support.orders import an_order, shop_settings
from tests.support.rabbit import Broker, Peer
from tests.support.worker import running, wait_until

HEADER = "x-dispatcher-"


@pytest.fixture
def settings(tmp_path: Path, rabbitmq: Broker, mailhog: MailHog, queue: str) -> dict[str, str]:
    return shop_settings(tmp_path, rabbitmq.url, mailhog.url, queue)


@pytest.mark.slow
def test_five_thousand_messages_all_arrive_and_memory_stays_flat(
    tmp_path: Path, settings: dict[str, str], rabbitmq: Broker, mailbox: Mailbox, queue: str
) -> None:
    number = 5000
    peaks: list[float] = []
    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        worker.wait_for("consuming")
        assert worker.terminate() == 0
        peer.flood(queue, [an_order(n) for n in range(0, number, 2)])
        for n in range(1, number, 2):
            peer.publish(queue, an_order(n), exchange="dispatcher")

    with running(tmp_path, settings) as worker, Peer(rabbitmq.url) as peer:
        wait_until(lambda: mailbox.count() >= 1000, seconds=120, on_failure=lambda: worker.output)
        peaks.append(worker.peak_memory())
        wait_until(lambda: mailbox.count() >= number, seconds=240, on_failure=lambda: worker.output)
        wait_until(lambda: peer.ready(queue) == 0)
        peaks.append(worker.peak_memory())
        assert worker.terminate() == 0
        assert peer.ready(queue) == 0  # nothing was handed back, so nothing was unacked

    counts = Counter(mailbox.recipients())
    assert len(counts) == number
    assert set(counts.values()) == {1}
    print(f"peak memory: {peaks[0]:.1f} MiB at the thousandth mail, {peaks[1]:.1f} at the last")
    assert peaks[1] <= 70
    assert peaks[1] <= peaks[0] * 1.05


@pytest.mark.slow
def test_kill_9_while_a_thousand_messages_flow_loses_none(
    tmp_path: Path, settings: dict[str, str], rabbitmq: Broker, mailbox: Mailbox, queue: str
) -> None:
    number, kills = 1000, 0

    def has_sent(count: int) -> Callable[[], bool]:
        return lambda: mailbox.count() >= count

    with Peer(rabbitmq.url) as peer:
        with running(tmp_path, settings) as worker:
            worker.wait_for("consuming")
        peer.flood(queue, [an_order(n) for n in range(number)])
        for target in (100, 400, 700):
            with running(tmp_path, settings) as worker:
                wait_until(has_sent(target), seconds=60)
                worker.kill()
                kills += 1
        with running(tmp_path, settings, "--drain") as worker:
            assert worker.process.wait(timeout=120) == 0
        assert peer.ready(queue) == 0
        assert not peer.ready(f"{queue}.dead")

    counts = Counter(mailbox.recipients())
    duplicates = sum(counts.values()) - len(counts)
    print(f"{number} messages, {kills} kills, {duplicates} duplicates")
    assert len(counts) == number
