"""From a URL to connection parameters."""

import ssl

from adapters.rabbitmq.parameters import connection_parameters


def test_heartbeat_and_blocked_timeout_are_always_set() -> None:
    parameters = connection_parameters("amqp://localhost/", "worker")

    assert parameters.heartbeat == 30
    assert parameters.blocked_connection_timeout == 300
    assert parameters.client_properties == {"connection_name": "worker"}


def test_what_the_url_says_wins() -> None:
    parameters = connection_parameters(
        "amqp://localhost/?heartbeat=7&blocked_connection_timeout=9", "worker"
    )

    assert parameters.heartbeat == 7
    assert parameters.blocked_connection_timeout == 9


def test_amqps_verifies_the_certificate_and_the_host_name() -> None:
    options = connection_parameters("amqps://localhost/", "worker").ssl_options

    assert options is not None
    assert options.context.verify_mode is ssl.CERT_REQUIRED
    assert options.context.check_hostname
