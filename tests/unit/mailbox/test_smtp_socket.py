"""The mailbox goes on without SMTP only where another mailbox has its port."""

import socket
from contextlib import closing

import click
import pytest

from entrypoints.mailbox.receiving import SMTP_PORT, smtp_socket


def test_where_the_usual_port_is_taken_it_goes_on_without_smtp() -> None:
    try:
        taken = socket.create_server(("127.0.0.1", SMTP_PORT))
    except OSError:
        taken = socket.socket()  # by someone else
    with closing(taken):
        assert smtp_socket("127.0.0.1", None) is None


@pytest.mark.parametrize("port", [None, 2525])
def test_an_address_that_is_not_here_is_said(port: int | None) -> None:
    with pytest.raises(click.ClickException, match="Cannot assign requested address"):
        smtp_socket("192.0.2.1", port)


def test_a_host_without_an_address_is_said_in_words() -> None:
    with pytest.raises(click.ClickException) as refused:
        smtp_socket("no host", None)

    assert "Unknown error" not in refused.value.message
    assert refused.value.message.startswith("no host:1025: ")
