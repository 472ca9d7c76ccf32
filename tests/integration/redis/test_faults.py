"""Each fault between the ledger and Redis in its own words, on real servers and scripted ones."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("redis", reason="needs the extra redis")

from adapters.redis.ledger import RedisLedger
from adapters.secret import Secret
from domain.ledger import LedgerUnavailable
from tests.contracts.ledger_harness import ID, SENT, deliver, state_of
from tests.integration.conftest import require_redis
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer, redis_server
from tests.support.worker import run_command, wait_until

SECRET = "Sentinel-s3cret"


def fault_of(url: str) -> str:
    """What the ledger says at its first call; empty where it works."""

    async def scenario() -> str:
        ledger = RedisLedger(Secret(url))
        try:
            await ledger.start(ID)
        except LedgerUnavailable as error:
            return str(error)
        finally:
            await ledger.close()
        return ""

    return asyncio.run(scenario())


@pytest.fixture(scope="module", autouse=True)
def _with_redis() -> None:
    require_redis()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates of our authority for a server and a client, and a stranger's."""
    folder = tmp_path_factory.mktemp("redis-tls")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    ours.issue("server", "IP:127.0.0.1")
    ours.issue("elsewhere", "DNS:elsewhere.example")
    ours.issue("expired", "IP:127.0.0.1", days=-1)
    ours.issue("client")
    theirs.issue("stranger")
    return folder


@contextmanager
def tls_server(folder: Path, certificate: str = "server", clients: str = "no") -> Iterator[str]:
    """The `rediss://` URL of a server with this certificate, without options."""
    port = free_port()
    files = f"--tls-cert-file {folder}/{certificate}.pem --tls-key-file {folder}/{certificate}.key"
    options = f"--tls-port {port} {files} --tls-ca-cert-file {folder}/ours.pem"
    data = folder / f"data-{port}"
    data.mkdir()
    with redis_server(data, *options.split(), "--tls-auth-clients", clients):
        yield f"rediss://127.0.0.1:{port}/0"


def test_field_7_12_tls_with_an_authority_and_a_client_certificate_works(authority: Path) -> None:
    with tls_server(authority, clients="yes") as url:
        client = f"ssl_certfile={authority}/client.pem&ssl_keyfile={authority}/client.key"
        for scheme in ("rediss", "valkeys"):
            whole = url.replace("rediss", scheme)
            assert fault_of(f"{whole}?ssl_ca_certs={authority}/ours.pem&{client}") == ""


def test_field_7_12_each_fault_of_tls_is_told_in_its_own_words(authority: Path) -> None:
    ours = f"ssl_ca_certs={authority}/ours.pem"
    stranger = f"ssl_certfile={authority}/stranger.pem&ssl_keyfile={authority}/stranger.key"
    with ExitStack() as stack:
        url = stack.enter_context(tls_server(authority))
        strict = stack.enter_context(tls_server(authority, clients="yes"))
        elsewhere = stack.enter_context(tls_server(authority, "elsewhere"))
        expired = stack.enter_context(tls_server(authority, "expired"))
        clear = stack.enter_context(redis_server(authority))
        faults = {
            url: "its certificate is not trusted",
            f"{url}?ssl_ca_certs={authority}/theirs.pem": "its certificate is not trusted",
            f"{elsewhere}?{ours}": "its certificate is for another address",
            f"{expired}?{ours}": "its certificate has expired",
            # "it wants a", or "which client certificate it wants" where a reset took the alert away
            f"{strict}?{ours}": "client certificate",
            f"{strict}?{ours}&{stranger}": "client certificate",
            url.replace("rediss", "redis"): "a port that speaks TLS needs rediss://",
            f"{clear.url.replace('redis', 'rediss')}?{ours}": "that its port speaks TLS",
        }

        told = {address: fault_of(address) for address in faults}

    for address, words in faults.items():
        assert words in told[address], address


def test_field_7_12_logins_databases_and_places_are_told_apart(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--requirepass", SECRET) as server:
        place = f"127.0.0.1:{server.port}"
        faults = {
            server.url: "it wants a password",
            f"redis://:wrong@{place}/0": "it refuses the login",
            f"redis://nobody:wrong@{place}/0": "it refuses the login",
            f"redis://:{SECRET}@{place}/99": "it has no database of this number",
            "redis://127.0.0.1:1/0": "cannot be reached: check that it runs",
            "redis://nowhere.invalid/0": "its host name does not resolve",
            f"unix://{tmp_path}/absent.sock": "the path of its socket",
        }

        told = {address: fault_of(address) for address in faults}

    for address, words in faults.items():
        assert words in told[address], address
        assert SECRET not in told[address]
        assert "wrong" not in told[address]


def test_field_7_12_a_replica_and_a_node_of_a_cluster_are_refused_by_name(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("primary", "replica", "cluster")]
    for folder in folders:
        folder.mkdir()
    with ExitStack() as stack:
        primary = stack.enter_context(redis_server(folders[0]))
        follow = ("--replicaof", "127.0.0.1", str(primary.port))
        replica = stack.enter_context(redis_server(folders[1], *follow))
        alone = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
        cluster = stack.enter_context(redis_server(folders[2], *alone))
        wait_until(lambda: "it is a replica" in fault_of(replica.url))

        assert "it is a node of a cluster" in fault_of(cluster.url)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("LOADING Redis is loading the dataset in memory", "it is loading its data"),
        ("MISCONF Redis is configured to save RDB snapshots", "it cannot save to its disk"),
        ("OOM command not allowed when used memory > 'maxmemory'", "its memory is full"),
        ("MASTERDOWN Link with MASTER is down", "it is a replica that has lost its primary"),
        ("NOREPLICAS Not enough good replicas to write", "too few replicas"),
        ("MOVED 3999 127.0.0.1:6381", "it is a node of a cluster"),
        ("CLUSTERDOWN Hash slot not served", "it is a node of a cluster"),
        ("ERR Script attempted to access a slot not served", "it is a node of a cluster"),
        ("NOPERM this user has no permissions", "this user may not do that"),
        ("READONLY You can't write against a read only replica.", "it is a replica"),
        ("ERR max number of clients reached", "raise its maxclients"),
        ("DENIED protected mode is enabled and no password is set for the user", "protected mode"),
        ("ERR unknown command 'EVALSHA'", "does not know a command"),
        ("BUSY Redis is busy running a script", "keeps it busy"),
        ("ERR something new", "Redis says: something new"),
    ],
)
def test_field_7_12_what_the_server_answers_is_told_with_what_to_do(
    answer: str, words: str
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            for _ in range(int(head[1:])):  # a command is a list of texts, each with its length
                await reader.readexactly(int((await reader.readline())[1:]) + 2)
            writer.write(f"-{answer}\r\n".encode())
        writer.close()

    async def scenario() -> str:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            ledger = RedisLedger(
                Secret(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
            )
            try:
                await ledger.start(ID)
            except LedgerUnavailable as error:
                return str(error)
            finally:
                await ledger.close()
        return ""

    assert words in asyncio.run(scenario())


def test_field_7_12_valkey_and_sockets_work(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with redis_server(tmp_path, "--unixsocket", str(path)) as server:
        assert fault_of(server.url.replace("redis://", "valkey://")) == ""
        assert fault_of(f"unix://{path}?db=3") == ""


def test_field_7_12_behind_sentinels_the_primary_is_found_and_found_again(tmp_path: Path) -> None:
    with _sentinel(tmp_path) as (port, primary):
        url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/shop/0"
        absent = url.replace("shop", "absent")
        ledger = RedisLedger(Secret(url))

        async def scenario() -> None:
            await deliver(ledger, ID)
            assert await state_of(ledger, ID) is SENT
            await asyncio.sleep(1)  # the replica has it by then
            primary.kill()
            deadline = time.monotonic() + 30
            while True:
                try:
                    found = await state_of(ledger, ID)
                    break
                except LedgerUnavailable:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.2)
            assert found is SENT
            await ledger.close()

        asyncio.run(scenario())
        assert "no Sentinel names a primary of this service" in fault_of(absent)


@contextmanager
def _sentinel(folder: Path) -> Iterator[tuple[int, RedisServer]]:
    """The port of a Sentinel that watches the service `shop`, and that service's primary."""
    for name in ("primary", "replica"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        primary = stack.enter_context(
            redis_server(folder / "primary", "--repl-diskless-sync-delay", "0")
        )
        follow = ("--replicaof", "127.0.0.1", str(primary.port))
        replica = stack.enter_context(redis_server(folder / "replica", *follow))
        wait_until(lambda: "it is a replica" in fault_of(replica.url))
        port = free_port()
        file = folder / "sentinel.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor shop 127.0.0.1 {primary.port} 1\n"
            "sentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 2000\n"
        )
        binary = shutil.which("redis-server")
        assert binary is not None
        sentinel = subprocess.Popen(
            [binary, str(file), "--sentinel"], stdout=subprocess.DEVNULL, cwd=folder
        )
        stack.callback(sentinel.wait)
        stack.callback(sentinel.kill)
        url = f"redis+sentinel://127.0.0.1:{port}/shop/0"
        wait_until(lambda: fault_of(url) == "")
        time.sleep(1)  # it learns of the replica from the primary
        yield port, primary


@pytest.mark.parametrize("command", [("doctor",), ("worker", "--drain")])
def test_field_7_11_an_option_that_redis_would_choke_on_is_78_and_named(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    settings = {"ledger_url": "redis://127.0.0.1:1/0?decode_responses=true"}

    done = run_command(*command, settings=settings, cwd=tmp_path)

    assert done.returncode == 78
    told = done.stdout + done.stderr
    assert "DISPATCHER_LEDGER_URL: must not have the unknown option 'decode_responses'" in told
    assert "Traceback" not in told
