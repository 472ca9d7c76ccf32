"""TLS is as strict on each Python."""

import ssl
from pathlib import Path

import pytest

from adapters.tls import tls_context
from tests.support.certificates import Authority, throwaway_certificate


def shake_hands(ours: ssl.SSLContext, theirs: ssl.SSLContext, name: str) -> None:
    """Raise SSLError where one side does not take the other."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ours.wrap_bio(to_client, to_server, server_hostname=name)
    server = theirs.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_an_authority_that_does_not_say_what_its_key_is_for_is_taken(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ours")
    certificate, key = authority.issue("server", "IP:127.0.0.1")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)

    shake_hands(tls_context(authority.file), server, "127.0.0.1")


@pytest.mark.parametrize("name", ["192.0.2.1", "elsewhere.example"])
def test_another_name_is_refused(tmp_path: Path, name: str) -> None:
    certificate = throwaway_certificate(tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls_context(certificate.file), certificate.server_context, name)


def test_another_authority_is_refused(tmp_path: Path) -> None:
    certificate = throwaway_certificate(tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls_context(), certificate.server_context, "127.0.0.1")
