"""From a broker URL to pika's parameters, with our own defaults where the URL says nothing."""

from urllib.parse import parse_qs, urlsplit

from pika import URLParameters
from pika.connection import Parameters

HEARTBEAT = 30
"""Seconds; a frozen peer is noticed within two of them."""
BLOCKED_TIMEOUT = 300.0
"""Seconds a resource alarm of the broker may block us before the connection is made anew."""


def connection_parameters(url: str, name: str) -> Parameters:
    """Read an `amqp://` or `amqps://` URL; pika's own query parameters ride along and win.

    amqps verifies the certificate and the host name. Raises ValueError that never holds the URL,
    since a password is in it.
    """
    try:
        scheme = urlsplit(url).scheme
        given = parse_qs(urlsplit(url).query)
        parameters = URLParameters(url)
    except (ValueError, TypeError, AttributeError, SyntaxError, OSError):
        raise ValueError("cannot be read as amqp://user:password@host:port/vhost") from None
    if scheme not in ("amqp", "amqps"):
        raise ValueError("must begin with amqp:// or amqps://")
    if "heartbeat" not in given:
        parameters.heartbeat = HEARTBEAT
    if "blocked_connection_timeout" not in given:
        parameters.blocked_connection_timeout = BLOCKED_TIMEOUT
    properties = parameters.client_properties or {}
    parameters.client_properties = {"connection_name": name, **properties}
    return parameters
