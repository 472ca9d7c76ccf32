"""Real mail servers at their default limits: Postfix, Exim and OpenSMTPD take every mail at the
first attempt, however many connections and mails a session each of them allows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import require_image
from tests.support.mail_servers import KINDS, MailServer, image_of, mail_server
from tests.support.rabbit import Broker
from tests.support.relay_run import RelayRun

pytestmark = pytest.mark.slow


@pytest.fixture(params=sorted(KINDS))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MailServer]:
    """Each kind of server in turn."""
    require_image(image_of(request.param))
    folder = tmp_path / "server"
    folder.mkdir()
    with mail_server(request.param, folder) as running:
        yield running


@pytest.mark.parametrize("mode", ["plain", "starttls", "auth"])
def test_field_5_13_a_thousand_mails_pass_each_server_at_its_default_limits(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: MailServer, mode: str
) -> None:
    run = RelayRun(
        folder=tmp_path, broker=rabbitmq, queue=queue, server=server, mails=1000, mode=mode
    )

    result = run.run()

    print(f"\n{server.kind} {mode}: {result}")
    assert result.all_at_once, result


def test_field_5_12_four_workers_share_what_a_server_allows_one_client(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: MailServer
) -> None:
    run = RelayRun(
        folder=tmp_path, broker=rabbitmq, queue=queue, server=server, mails=1000, workers=4
    )

    result = run.run()

    print(f"\n{server.kind}: {result}")
    assert result.all_at_once, result


def test_a_server_that_restarts_half_way_gets_every_mail(
    tmp_path: Path, rabbitmq: Broker, queue: str, server: MailServer
) -> None:
    run = RelayRun(folder=tmp_path, broker=rabbitmq, queue=queue, server=server, mails=1000)

    result = run.run(at_half=server.restart)

    print(f"\n{server.kind}: {result}")
    assert (len(result.accepted), result.dead) == (1000, 0), result
    # What was on its way when the server stopped may arrive twice: at most one for each connection.
    assert result.twice <= run.pool, result
