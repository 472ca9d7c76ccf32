"""From a broker's address to pika's parameters, with our own defaults where a URL says nothing."""

from collections.abc import Callable, Mapping
from dataclasses import field
from urllib.parse import urlencode

from pika import SSLOptions, URLParameters
from pika.connection import Parameters
from pika.credentials import ExternalCredentials

from adapters.rabbitmq.settings import TlsFiles
from adapters.urls import ServerUrl, option_name, parse_url, split_urls
from domain.value_object import value_object

# Seconds; a frozen peer is noticed within two of them.
_HEARTBEAT = 30
# Seconds a resource alarm of the broker may block us before we connect again.
_BLOCKED_TIMEOUT = 300.0

FORM = "amqp:// or amqps://user:password@host:port/vhost"

_SECURE = "amqps"
_OPTIONS = (
    "heartbeat",
    "blocked_connection_timeout",
    "channel_max",
    "client_properties",
    "connection_attempts",
    "frame_max",
    "locale",
    "retry_delay",
    "socket_timeout",
    "ssl_options",
    "stack_timeout",
    "tcp_options",
)
# Seconds, where a URL says nothing.
_DEFAULTS = {
    "heartbeat": _HEARTBEAT,
    "blocked_connection_timeout": _BLOCKED_TIMEOUT,
    # A broker that does not answer must not keep us from the next one, nor from trying again soon
    # after its return.
    "socket_timeout": 4.0,
    "stack_timeout": 10.0,
}
_LONGEST_HEARTBEAT = 65535
_LONGEST_TIME = 86400.0  # a day: beyond any wait that is meant


@value_object(kw_only=True)
class BrokerAddress:
    """The brokers of a cluster in the order in which they are tried, all with the same `files`.
    Without a user in a URL the client certificate, where there is one, signs in (EXTERNAL)."""

    urls: tuple[str, ...] = field(repr=False)
    files: TlsFiles = field(default_factory=TlsFiles)

    @classmethod
    def parse(cls, text: str, files: TlsFiles | None = None) -> "BrokerAddress":
        """Read a URL, or several with commas between them. Raises ValueError that never holds a
        piece of a URL, since a password is in it."""
        files = files or TlsFiles()
        urls = split_urls(text, FORM)
        read = [_broker_url(url) for url in urls]
        if files != TlsFiles() and not any(url.scheme == _SECURE for url in read):
            raise ValueError(
                "must begin with amqps://, since DISPATCHER_BROKER_CA_FILE or"
                " DISPATCHER_BROKER_CERT_FILE is set"
            )
        for url in urls:
            _from_url(url)
        return cls(urls=urls, files=files)

    def parameters(self, name: str) -> tuple[Parameters, ...]:
        """What pika is given for each broker; the files are read again. Raises ValueError."""
        return tuple(self._parameters(url, name) for url in self.urls)

    def _parameters(self, text: str, name: str) -> Parameters:
        url, parameters = _broker_url(text), _from_url(text)
        if url.scheme == _SECURE and "ssl_options" not in url.options:
            parameters.ssl_options = SSLOptions(self.files.context())
        if url.user is None and self.files.cert_file is not None:
            parameters.credentials = ExternalCredentials()
        for option, value in _DEFAULTS.items():
            if option not in url.options:
                setattr(parameters, option, value)
        parameters.client_properties = {
            "connection_name": name,
            **(parameters.client_properties or {}),
        }
        return parameters


def _broker_url(text: str) -> ServerUrl:
    url = parse_url(text, FORM)
    if url.scheme not in ("amqp", _SECURE):
        raise ValueError(f"must be {FORM}")
    if url.user is not None and (not url.user or url.password is None):
        raise ValueError("must have a user name with a password, or neither")
    if "/" in url.path.removeprefix("/"):
        raise ValueError(
            "must not have an unencoded / in the virtual host: write %2F for each / of its name,"
            " and nothing or %2F for the default one"
        )
    for option, value in url.options.items():
        if option not in _OPTIONS:
            raise ValueError(_unknown(option))
        if option in _SECONDS and value and not _SECONDS[option](value):
            raise ValueError(_unusable(option))
    return url


def _is_short(value: str) -> bool:
    """Whether the protocol can carry it: an unsigned number of 16 bits."""
    is_number = value.isascii() and value.isdecimal() and len(value) <= len("65535")
    return is_number and int(value) <= _LONGEST_HEARTBEAT


def _is_time(value: str) -> bool:
    try:
        return 0 <= float(value) <= _LONGEST_TIME
    except ValueError:
        return False


_SECONDS: Mapping[str, Callable[[str], bool]] = {
    "heartbeat": _is_short,
    **dict.fromkeys(
        ("blocked_connection_timeout", "retry_delay", "socket_timeout", "stack_timeout"), _is_time
    ),
}


def _unusable(option: str) -> str:
    return f"must not have option {option!r} with a value that cannot be used"


def _unknown(option: str) -> str:
    text = (
        f"must not have the unknown option {option_name(option)}; there are {', '.join(_OPTIONS)}"
    )
    if option in ("cacertfile", "certfile", "keyfile", "verify", "ssl", "ca_certs"):
        text += "; certificates are set by DISPATCHER_BROKER_CA_FILE, _CERT_FILE and _KEY_FILE"
    return text


def _from_url(text: str) -> URLParameters:
    try:
        return URLParameters(text)
    except (ValueError, TypeError, AttributeError, SyntaxError, OSError):
        raise ValueError(_unreadable(_broker_url(text))) from None


def _unreadable(url: ServerUrl) -> str:
    for option, value in url.options.items():
        try:
            URLParameters(f"{url.scheme}://host/?{urlencode({option: value})}")
        except (ValueError, TypeError, AttributeError, SyntaxError, OSError):
            return _unusable(option)
    return f"must be {FORM}"
