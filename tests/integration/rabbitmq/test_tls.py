"""TLS to a real RabbitMQ, with authorities and client certificates of the tests' own."""

import asyncio
import os
import socket
import ssl
import struct
import warnings
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.inbound.contract import BrokerUnavailable
from adapters.rabbitmq.connect_faults import LoginRefused
from adapters.rabbitmq.connection import connect
from adapters.rabbitmq.parameters import BrokerAddress
from adapters.rabbitmq.settings import TlsFiles
from tests.support.certificates import Authority
from tests.support.containers import RABBITMQ_NEW, require_docker, unavailable
from tests.support.worker import run_command

CONFIGURATION = """
loopback_users = none
log.console = true
listeners.ssl.default = 5671
ssl_options.cacertfile = /tls/ours.pem
ssl_options.certfile = /tls/server.pem
ssl_options.keyfile = /tls/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = {strict}
auth_mechanisms.1 = PLAIN
{external}
ssl_cert_login_from = common_name
"""


@dataclass(frozen=True)
class TlsBroker:
    """A RabbitMQ whose certificate is for localhost and not for 127.0.0.1. It knows the user
    `client` by certificate; `plain` and `tls` are its ports."""

    plain: int
    tls: int
    folder: Path

    def url(self, login: str = "guest:guest@", host: str = "localhost") -> str:
        return f"amqps://{login}{host}:{self.tls}/"

    def files(self, name: str = "") -> TlsFiles:
        """Our authority, and the client certificate of this name, if any."""
        if not name:
            return TlsFiles(ca_file=self.folder / "ours.pem")
        return TlsFiles(
            ca_file=self.folder / "ours.pem",
            cert_file=self.folder / f"{name}.pem",
            key_file=self.folder / f"{name}.key",
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of our authority, and one of another's."""
    folder = tmp_path_factory.mktemp("tls")
    folder.chmod(0o755)
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    ours.issue("server", "DNS:localhost")
    ours.issue("client")
    ours.issue("unknown")
    theirs.issue("stranger")
    return folder


def _broker(folder: Path, *, is_strict: bool, external: bool) -> Iterator[TlsBroker]:
    require_docker()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # testcontainers uses what it deprecates
        from testcontainers.community.rabbitmq import RabbitMqContainer

        configuration, plugins = folder / f"{is_strict}.conf", folder / "enabled_plugins"
        configuration.write_text(
            CONFIGURATION.format(
                strict=str(is_strict).lower(),
                external="auth_mechanisms.2 = EXTERNAL" if external else "",
            )
        )
        plugins.write_text("[rabbitmq_auth_mechanism_ssl].")
        container = RabbitMqContainer(os.environ.get(*RABBITMQ_NEW)).with_exposed_ports(5671)
        container.with_volume_mapping(str(folder), "/tls", "ro")
        for file in (configuration, plugins):
            file.chmod(0o644)
        container.with_volume_mapping(str(configuration), "/etc/rabbitmq/rabbitmq.conf", "ro")
        container.with_volume_mapping(str(plugins), "/etc/rabbitmq/enabled_plugins", "ro")
        try:
            container.start()
            for command in ("add_user client x", "set_permissions client .* .* .*"):
                code, output = container.exec(["rabbitmqctl", *command.split()])
                assert code == 0, output
            ports = [int(container.get_exposed_port(port)) for port in (5672, 5671)]
        except Exception as error:  # noqa: BLE001 - whatever stands in the way is the reason
            container.stop()
            unavailable(f"{RABBITMQ_NEW[0]} cannot be started: {error}")
    try:
        yield TlsBroker(ports[0], ports[1], folder)
    finally:
        container.stop()


@pytest.fixture(scope="module")
def tls_broker(folder: Path) -> Iterator[TlsBroker]:
    """Asks for a client certificate and does without."""
    yield from _broker(folder, is_strict=False, external=True)


@pytest.fixture(scope="module")
def strict_broker(folder: Path) -> Iterator[TlsBroker]:
    """Lets nobody in without a client certificate, and does not offer EXTERNAL."""
    yield from _broker(folder, is_strict=True, external=False)


def attempt(url: str, files: TlsFiles) -> str:
    """Connect; empty if it worked, else what was wrong."""

    async def scenario() -> None:
        connection = await connect(BrokerAddress.parse(url, files), "test")
        await (await connection.open_channel()).close()
        await connection.close()

    try:
        asyncio.run(scenario())
    except BrokerUnavailable as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_field_7_4_a_client_certificate_without_a_user_signs_in_by_itself(
    tls_broker: TlsBroker, tmp_path: Path
) -> None:
    assert attempt(tls_broker.url(""), tls_broker.files("client")) == ""
    assert attempt(tls_broker.url(), tls_broker.files("client")) == ""
    unknown = attempt(tls_broker.url(""), tls_broker.files("unknown"))
    assert unknown.startswith(f"{LoginRefused.__name__}: the broker at localhost:{tls_broker.tls}")
    files = tls_broker.files("client")
    settings = {
        "broker_url": tls_broker.url(""),
        "broker_ca_file": str(files.ca_file),
        "broker_cert_file": str(files.cert_file),
        "broker_key_file": str(files.key_file),
        "email_url": "maildir:mail",
    }
    assert run_command("topology", "apply", settings=settings, cwd=tmp_path).returncode == 0


def test_field_7_4_a_broker_without_external_says_so(strict_broker: TlsBroker) -> None:
    told = attempt(strict_broker.url(""), strict_broker.files("client"))

    assert "it does not offer to sign in by certificate (EXTERNAL)" in told


def test_field_7_13_an_authority_of_our_own_is_trusted_by_its_file(tls_broker: TlsBroker) -> None:
    assert attempt(tls_broker.url(), tls_broker.files()) == ""


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no authority", "its certificate is not trusted"),
        ("wrong authority", "its certificate is not trusted"),
        ("wrong host", "its certificate is for another address"),
        ("clear on the TLS port", "a port that speaks TLS needs amqps://"),
        ("TLS on the clear port", "it does not speak TLS on this port"),
        # The words differ where a reset took the server's alert away.
        ("certificate of a stranger", "DISPATCHER_BROKER_CERT_FILE"),
    ],
)
def test_field_7_13_each_fault_of_tls_is_told_in_its_own_words(
    tls_broker: TlsBroker, fault: str, words: str
) -> None:
    ours, theirs = tls_broker.files(), TlsFiles(ca_file=tls_broker.folder / "theirs.pem")
    clear = f"amqp://guest:guest@localhost:{tls_broker.tls}/"
    swapped = f"amqps://guest:guest@localhost:{tls_broker.plain}/"
    attempts = {
        "no authority": (tls_broker.url(), TlsFiles()),
        "wrong authority": (tls_broker.url(), theirs),
        "wrong host": (tls_broker.url(host="127.0.0.1"), ours),
        "clear on the TLS port": (clear, TlsFiles()),
        "TLS on the clear port": (swapped, ours),
        "certificate of a stranger": (tls_broker.url(), tls_broker.files("stranger")),
    }

    told = attempt(*attempts[fault])

    assert words in told
    assert told.startswith("BrokerUnavailable: cannot reach the broker at ")
    assert "guest" not in told


def test_field_7_13_a_client_certificate_that_is_missing_is_asked_for(
    strict_broker: TlsBroker,
) -> None:
    told = attempt(strict_broker.url(), strict_broker.files())

    assert "DISPATCHER_BROKER_CERT_FILE" in told


def test_field_7_13_a_client_certificate_is_asked_for_where_a_reset_takes_the_alert_away(
    tmp_path: Path,
) -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    told = _against(tmp_path, reset)

    assert "which client certificate it wants (DISPATCHER_BROKER_CERT_FILE)" in told
    assert "amqps://" not in told


def test_field_7_13_a_certificate_that_has_expired_is_told(tmp_path: Path) -> None:
    told = _against(tmp_path, lambda _, writer: writer.close(), days=-1)

    assert "its certificate has expired" in told


def _against(
    folder: Path,
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None],
    *,
    days: int = 1,
) -> str:
    """What connecting to a TLS server says that does this after the handshake; its certificate is
    good for so many days."""
    authority = Authority(folder, "ours")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("server", "DNS:localhost", days=days))

    async def scenario() -> str:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            address = BrokerAddress.parse(
                f"amqps://guest:guest@localhost:{port}/", TlsFiles(ca_file=authority.file)
            )
            with pytest.raises(BrokerUnavailable) as caught:
                await connect(address, "test")
            return str(caught.value)

    return asyncio.run(scenario())
