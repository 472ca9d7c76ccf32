"""From a broker's address to connection parameters."""

import ssl
from pathlib import Path

import pytest
from pika.connection import Parameters
from pika.credentials import ExternalCredentials, PlainCredentials

from adapters.rabbitmq.parameters import BrokerAddress
from adapters.rabbitmq.settings import TlsFiles
from tests.support.certificates import throwaway_certificate


def parameters_of(url: str, files: TlsFiles | None = None) -> Parameters:
    [parameters] = BrokerAddress.parse(url, files).parameters("worker")
    return parameters


def test_heartbeat_and_blocked_timeout_are_always_set() -> None:
    parameters = parameters_of("amqp://localhost/")

    assert parameters.heartbeat == 30
    assert parameters.blocked_connection_timeout == 300
    assert parameters.client_properties == {"connection_name": "worker"}


def test_what_the_url_says_wins() -> None:
    parameters = parameters_of("amqp://localhost/?heartbeat=7&blocked_connection_timeout=9")

    assert parameters.heartbeat == 7
    assert parameters.blocked_connection_timeout == 9


def test_the_longest_heartbeat_and_times_in_fractions_are_accepted() -> None:
    parameters = parameters_of("amqp://localhost/?heartbeat=65535&socket_timeout=0.5")

    assert (parameters.heartbeat, parameters.socket_timeout) == (65535, 0.5)


def test_amqps_verifies_the_certificate_and_the_host_name() -> None:
    options = parameters_of("amqps://localhost/").ssl_options

    assert options is not None
    assert options.context.verify_mode is ssl.CERT_REQUIRED
    assert options.context.check_hostname


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("amqp://host/a/b", "unencoded /"),
        ("amqp://host//", "unencoded /"),
        ("amqp://one;amqp://second", "a comma between two"),
        ("amqp://one/;amqp://second/", "a comma between two"),
        ("amqp://one second/", "percent-encode"),
        ("amqp://host/?prefetch=3", "unknown option 'prefetch'"),
        ("amqp://host/?cacertfile=/x", "unknown option 'cacertfile'.*DISPATCHER_BROKER_CA_FILE"),
        ("amqp://host/?heartbeat=often", "option 'heartbeat' with a value"),
        ("amqp://host/?tcp_options=(", "option 'tcp_options' with a value"),
        ("amqp://host/?heartbeat=65536", "option 'heartbeat' with a value"),
        ("amqp://host/?heartbeat=99999999999999", "option 'heartbeat' with a value"),
        ("amqp://host/?heartbeat=1.5", "option 'heartbeat' with a value"),
        ("amqp://host/?socket_timeout=nan", "option 'socket_timeout' with a value"),
        ("amqp://host/?stack_timeout=1e999", "option 'stack_timeout' with a value"),
        ("amqp://host/?retry_delay=-1", "option 'retry_delay' with a value"),
        ("amqp://host/?heartbeat=1&heartbeat=2", "'heartbeat' must not be given twice"),
        ("amqp://user@host/", "must have a user name with a password"),
        ("amqp://:word@host/", "a user name with a password"),
        ("amqp:///vhost", "it names no host"),
        ("http://host/", "must be amqp://"),
        ("amqp://one/,,amqp://two/", "a comma between two"),
        ("amqp://one/,two", "a comma between two"),
    ],
)
def test_field_7_3_a_url_that_would_open_something_else_is_refused_with_the_reason(
    url: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        BrokerAddress.parse(url)


def test_field_7_3_a_list_of_brokers_is_tried_in_its_order() -> None:
    address = BrokerAddress.parse("amqp://a:b@one/%2Fv, amqps://c:d@[::1]:5699/")

    one, two = address.parameters("worker")

    assert (one.host, one.port, one.virtual_host) == ("one", 5672, "/v")
    assert (two.host, two.port, two.virtual_host) == ("::1", 5699, "/")
    assert one.socket_timeout == two.socket_timeout == 4


def test_field_7_4_a_client_certificate_without_a_user_signs_in(tmp_path: Path) -> None:
    certificate = throwaway_certificate(tmp_path)
    files = TlsFiles(cert_file=certificate.file, key_file=tmp_path / "key.pem")

    by_certificate = parameters_of("amqps://localhost/", files)
    by_password = parameters_of("amqps://user:pass@localhost/", files)
    as_guest = parameters_of("amqps://localhost/")

    assert isinstance(by_certificate.credentials, ExternalCredentials)
    assert isinstance(by_password.credentials, PlainCredentials)
    assert isinstance(as_guest.credentials, PlainCredentials)


def test_field_7_13_each_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    certificate = throwaway_certificate(tmp_path)
    key = tmp_path / "key.pem"
    faulty = {
        "DISPATCHER_BROKER_CA_FILE": TlsFiles(ca_file=tmp_path / "absent"),
        "DISPATCHER_BROKER_CA_FILE: ": TlsFiles(ca_file=key),
        "DISPATCHER_BROKER_CERT_FILE: ": TlsFiles(cert_file=certificate.file),
        "DISPATCHER_BROKER_KEY_FILE": TlsFiles(key_file=key),
    }

    for variable, files in faulty.items():
        with pytest.raises(ValueError, match=f"^{variable}"):
            files.context()
    TlsFiles(ca_file=certificate.file, cert_file=certificate.file, key_file=key).context()
    with pytest.raises(ValueError, match="must begin with amqps://"):
        BrokerAddress.parse("amqp://localhost/", TlsFiles(ca_file=certificate.file))
