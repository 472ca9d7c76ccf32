"""A mail server that takes everything: `python -m benchmarks.smtp_server PORT --delay 0.01`.

It answers the final dot after the delay, reads pipelined commands in their order, and writes the
count of its mails to stdout as smtp-sink does. With `--tls` it speaks TLS from the start, or with
`--starttls` when it is asked to.
"""

import argparse
import asyncio
import os
import selectors
import ssl
import sys
from pathlib import Path

_HOST = "127.0.0.1"
_DOT = b"\r\n.\r\n"
_OK = b"250 2.0.0 Ok\r\n"


class Server:
    """What all connections share."""

    def __init__(self, delay: float, context: ssl.SSLContext | None, *, starttls: bool) -> None:
        self.delay = delay
        self.context = context
        self.starttls = starttls
        self.connections: set[asyncio.Task[None]] = set()
        self._mails = 0

    def count(self) -> None:
        """One more mail."""
        self._mails += 1
        os.write(sys.stdout.fileno(), b"mesg=%d\r" % self._mails)


class Connection(asyncio.Protocol):
    """One client; commands are answered in their order, and those behind a mail wait for it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._waiting = b""
        self._in_data = False
        self._in_reply = False
        self._is_over_tls = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._is_over_tls:
            transport.write(b"220 bench.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        self._go_on()

    def _go_on(self, replies: bytes = b"") -> None:
        """Read on; what is answered leaves together (RFC 2920 section 3.2)."""
        while self._waiting and not self._in_reply:
            if self._in_data:
                _, found, rest = self._waiting.partition(_DOT)
                if not found:
                    break
                self._waiting, self._in_data, self._in_reply = rest, False, True
                asyncio.get_running_loop().call_later(self._server.delay, self._taken)
                continue
            line, found, rest = self._waiting.partition(b"\r\n")
            if not found:
                break
            self._waiting = rest
            replies += self._answer(line)
        if replies:
            self._transport.write(replies)

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"DATA":
            self._in_data = True
            self._waiting = b"\r\n" + self._waiting  # so that an empty mail ends as others do
            return b"354 Go ahead\r\n"
        if verb == b"EHLO":
            offer = b"250-STARTTLS\r\n" if self._server.starttls and not self._is_over_tls else b""
            return b"250-bench.example\r\n250-PIPELINING\r\n" + offer + b"250 8BITMIME\r\n"
        if verb == b"STAR":
            self._in_reply = True
            self._transport.write(b"220 2.0.0 Ready\r\n")
            task = asyncio.ensure_future(self._start_tls())
            self._server.connections.add(task)
            task.add_done_callback(self._server.connections.discard)
            return b""
        if verb == b"QUIT":
            asyncio.get_running_loop().call_soon(self._transport.close)
            return b"221 2.0.0 Bye\r\n"
        return _OK

    async def _start_tls(self) -> None:
        assert self._server.context is not None
        self._is_over_tls = True
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(
            self._transport, self, self._server.context, server_side=True
        )
        assert transport is not None
        self._transport = transport
        self._in_reply = False
        self._go_on()

    def _taken(self) -> None:
        self._server.count()
        self._in_reply = False
        if not self._transport.is_closing():
            self._go_on(_OK)


async def serve(port: int, server: Server, context: ssl.SSLContext | None) -> None:
    """Listen until killed."""
    listening = await asyncio.get_running_loop().create_server(
        lambda: Connection(server), _HOST, port, ssl=context, backlog=64
    )
    await listening.serve_forever()


def _exact_loop() -> asyncio.AbstractEventLoop:
    """epoll waits for whole milliseconds, rounded up: it would make 11 of 10. And the kernel lets
    timers be late by their slack, 50 us unless said (proc_pid_timerslack_ns(5))."""
    Path("/proc/self/timerslack_ns").write_text("1")
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def main() -> None:
    """Read the options and listen."""
    parser = argparse.ArgumentParser(prog="benchmarks.smtp_server", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--delay", type=float, default=0, help="seconds before a mail's reply")
    names = ("CERTIFICATE", "KEY")
    parser.add_argument("--tls", nargs=2, metavar=names, help="TLS from the start")
    parser.add_argument(
        "--starttls", nargs=2, metavar=names, help="TLS when the client asks for it"
    )
    options = parser.parse_args()
    context = None
    if files := options.tls or options.starttls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*files)
    server = Server(options.delay, context, starttls=bool(options.starttls))
    with asyncio.Runner(loop_factory=_exact_loop) as runner:
        runner.run(serve(options.port, server, context if options.tls else None))


if __name__ == "__main__":
    main()
