"""Why a connection to the broker could not be made, in words that say what to change."""

import re
import socket
import ssl

from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorPhaseErrorBase,
)
from pika.connection import Parameters
from pika.credentials import ExternalCredentials
from pika.exceptions import (
    AMQPConnectionError,
    AuthenticationError,
    ConnectionClosed,
    IncompatibleProtocolError,
)

from adapters.inbound.contract import BrokerUnavailable

_REFUSED = re.compile(r"\((?P<code>403|530)\)(?: ['\"](?P<reply>.+)['\"])?")
# Access-refused, and not-allowed (no such virtual host, or no access to it): AMQP 0-9-1 section
# 1.2. The broker's own words follow in quotes.
_NOT_ALLOWED = "530"

# By OpenSSL's code of the verification (X509_V_ERR_…).
_CERTIFICATES = {
    9: "its certificate is not valid yet: check the clocks",
    10: "its certificate has expired: renew it at the broker",
    62: "its certificate is for another name: check the host in DISPATCHER_BROKER_URL",
    64: "its certificate is for another address: check the host in DISPATCHER_BROKER_URL",
}

# By what OpenSSL's reason or text holds. An alert in TLS 1.3 comes after the handshake, so that
# pika knows of it only as the text of a lost stream.
_TLS = (
    (
        ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF"),
        "it does not speak TLS on this port: check the port, or use amqp://",
    ),
    (
        ("CERTIFICATE_REQUIRED",),
        "it wants a client certificate: set DISPATCHER_BROKER_CERT_FILE and _KEY_FILE",
    ),
    (
        ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED", "CERTIFICATE_UNKNOWN"),
        "it does not accept our client certificate: check DISPATCHER_BROKER_CERT_FILE",
    ),
    (
        ("HANDSHAKE_FAILURE", "PROTOCOL_VERSION", "NO_SHARED_CIPHER"),
        "TLS failed: it wants a client certificate (see DISPATCHER_BROKER_CERT_FILE) or other TLS",
    ),
)


class LoginRefused(BrokerUnavailable):
    """The broker answered, and does not let this user or virtual host in."""


def unavailable(error: BaseException | None, parameters: Parameters) -> BrokerUnavailable:
    """What pika's error means. Never holds the password."""
    where = f"{parameters.host}:{parameters.port}"
    text = describe(error)
    by_certificate = isinstance(parameters.credentials, ExternalCredentials)
    if by_certificate and isinstance(error, AuthenticationError) and not _REFUSED.search(text):
        words = "it does not offer to sign in by certificate (EXTERNAL), and the URL names no user"
        return LoginRefused(f"the broker at {where} refuses the login: {words}")
    if refused := _REFUSED.search(text):
        words = refused["reply"] or text
        if refused["code"] == _NOT_ALLOWED:
            return LoginRefused(
                f"the broker at {where} does not open the virtual host: {words}; check the path of"
                " DISPATCHER_BROKER_URL and the user's rights"
            )
        return LoginRefused(f"the broker at {where} refuses the login: {words}")
    if isinstance(_innermost(error), socket.gaierror):
        text = "the host name does not resolve: check the host in DISPATCHER_BROKER_URL"
    words = _tls(_innermost(error)) or _hung_up(error, text, parameters) or text
    return BrokerUnavailable(f"cannot reach the broker at {where}: {words}")


def describe(error: BaseException | None) -> str:
    """The innermost cause in words, on one line."""
    cause = _innermost(error)
    if isinstance(cause, ConnectionClosed):
        return f"{cause.reply_text} ({cause.reply_code})"
    return " ".join(str(cause).split()) or type(cause).__name__


def _tls(cause: BaseException | None) -> str | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        untrusted = (
            f"its certificate is not trusted ({cause.verify_message}): set"
            " DISPATCHER_BROKER_CA_FILE to a file with its authority"
        )
        return _CERTIFICATES.get(cause.verify_code, untrusted)
    text = str(cause)
    if "SSL" not in text:
        return None
    return next((words for signs, words in _TLS if any(sign in text for sign in signs)), None)


def _hung_up(error: BaseException | None, text: str, parameters: Parameters) -> str | None:
    is_early = isinstance(error, IncompatibleProtocolError)
    if not is_early and "ConnectionReset" not in text and "reset by peer" not in text:
        return None
    words = "it closed the connection before it said anything"
    # In TLS 1.3 a server judges our certificate after our first bytes are sent; the reset that
    # follows may take its alert away (RFC 8446, 4.4.2.4 and 6.2).
    remedy = (
        "check that it is a broker, and which client certificate it wants"
        " (DISPATCHER_BROKER_CERT_FILE)"
        if parameters.ssl_options
        else "a port that speaks TLS needs amqps://"
    )
    return f"{words}: {remedy}"


def _innermost(error: BaseException | None) -> BaseException | None:
    if isinstance(error, AMQPConnectionWorkflowFailed):
        return _innermost(error.exceptions[-1])
    if isinstance(error, AMQPConnectorPhaseErrorBase):
        return _innermost(error.exception)
    if isinstance(error, AMQPConnectionError) and error.args:
        inner = error.args[0]
        return _innermost(inner) if isinstance(inner, BaseException) else error
    return error
