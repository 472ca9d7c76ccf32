"""Where Redis is: read strictly, without the library."""

from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from adapters.redis.address import RedisAddress
from adapters.redis.client import advice
from tests.support.certificates import throwaway_certificate


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://host/0?foo=bar", "unknown option 'foo'"),
        ("redis://host/0?ssl=true", "unknown option 'ssl'.*TLS is rediss://"),
        ("redis://host/0?decode_responses=true", "unknown option 'decode_responses'"),
        ("redis://host/0?socket_timeout=9", "unknown option 'socket_timeout'"),
        ("redis://host/0?ssl_ca_certs=/x", "must begin with rediss://"),
        ("rediss://host/0?ssl_ca_certs=/absent", "file of certificates as option 'ssl_ca_certs'"),
        ("rediss://host/0?ssl_certfile=/absent", "a certificate as option 'ssl_certfile'"),
        ("rediss://host/0?ssl_keyfile=/absent", "must have option 'ssl_certfile'"),
        ("rediss://host/0?ssl_check_hostname=perhaps", "option 'ssl_check_hostname' with a value"),
        ("redis://host/0?health_check_interval=x", "option 'health_check_interval' with a value"),
        ("redis://host/abc", "a database's number as the path"),
        ("redis://host/0/1", "a database's number as the path"),
        ("redis://host/-1", "a database's number as the path"),
        ("redis://host/0?db=x", "both as the path and as option 'db'"),
        ("redis://host?db=x", "a database's number as option 'db'"),
        ("redis://host/1?db=2", "both as the path and as option 'db'"),
        ("redis:///0", "it names no host"),
        ("redis://host:0/0", "the port from 1 to 65535"),
        ("redis://:se/cret@host/0", "percent-encode"),
        ("redis://a/0,redis://b/0", "percent-encode"),
        ("redis+cluster://host/0", "a Redis Cluster cannot hold the ledger"),
        ("redis://app:7391,pw@host/", "comma %2C"),
        ("redis://:1,x://pw@host/", "comma %2C"),
        ("redis+sentinel://host/", "names no service"),
        ("redis+sentinel://one,two", "names no service"),
        ("redis+sentinel://one,tw@o/shop", "percent-encode|host"),
        ("redis://cret@host/0", "a password alone is :password@"),
        ("unix://", "unix:///path"),
        ("unix://relative/path", "unix:///path"),
    ],
)
def test_field_7_11_what_redis_would_not_take_as_it_is_meant_is_refused_by_name(
    url: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        RedisAddress.parse(url)

    assert "cret" not in str(refused.value)


def test_field_7_12_each_form_of_a_url_is_understood() -> None:
    one = RedisAddress.parse("redis://user:p%40ss@host/3")
    tls = RedisAddress.parse("valkeys://host:7000?ssl_check_hostname=no&client_name=me")
    unix = RedisAddress.parse("unix:///run/redis.sock?db=2")
    sentinel = RedisAddress.parse("redis+sentinel://:pw@one,two:7,[::1]/shop/4")

    assert (one.places, one.database, one.user, one.password) == (
        (("host", 6379),),
        3,
        "user",
        "p@ss",
    )
    assert not one.is_tls
    assert (tls.places, tls.is_tls) == ((("host", 7000),), True)
    assert dict(tls.options) == {"ssl_check_hostname": False, "client_name": "me"}
    assert (unix.path, unix.database) == ("/run/redis.sock", 2)
    assert sentinel.places == (("one", 26379), ("two", 7), ("::1", 26379))
    assert (sentinel.service, sentinel.database, sentinel.password) == ("shop", 4, "pw")
    assert sentinel.name == "redis+sentinel://one,two:7,[::1]/shop/4"
    assert "p@ss" not in f"{one!r}"
    assert "pw" not in f"{sentinel!r}{sentinel.name}"


def test_field_7_12_certificates_are_read_at_start(tmp_path: Path) -> None:
    certificate = throwaway_certificate(tmp_path).file

    address = RedisAddress.parse(
        f"rediss://host?ssl_ca_certs={certificate}&ssl_certfile={certificate}"
        f"&ssl_keyfile={tmp_path}/key.pem"
    )

    assert address.options["ssl_ca_certs"] == str(certificate)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("rediss://host/0", "ssl_certfile="),
        ("redis://host/0", "a port that speaks TLS needs rediss"),
    ],
)
def test_field_7_12_a_server_that_hangs_up_may_want_a_certificate_or_tls(
    url: str, words: str
) -> None:
    hung_up = RedisConnectionError("Connection closed by server.")

    assert words in advice(hung_up, RedisAddress.parse(url))
