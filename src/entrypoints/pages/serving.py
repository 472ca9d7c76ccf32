"""How the local pages are served: on this machine only unless asked otherwise, until Ctrl-C."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from domain.value_object import value_object
from entrypoints.cli.app import UNAVAILABLE
from entrypoints.cli.application import words

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn import Server

    from entrypoints.pages.live import Refreshes
    from entrypoints.pages.web import HostNames

HOST = "127.0.0.1"
_NEEDED = ("starlette", "uvicorn", "watchfiles")
_GRACE = 2  # seconds for a reply under way when we are to end

F = TypeVar("F", bound=Callable[..., Any])
Around = Callable[[], AbstractAsyncContextManager[object]]
"""What is open as long as the pages are served."""


@value_object()
class PageAddress:
    """Where pages are served. `names`: further ones that browsers may ask for."""

    host: str
    port: int
    names: tuple[str, ...] = ()

    def host_names(self) -> "HostNames":
        """The Host headers that are ours."""
        from entrypoints.pages.web import LOOPBACK, HostNames, name_in

        names = (name.rstrip(".") for name in self.names)
        bare = {f"[{name}]" if name.count(":") > 1 and name[0] != "[" else name for name in names}
        allowed = {*LOOPBACK, self.host.lower(), *map(name_in, bare)}
        return HostNames(allowed, is_open=self.host not in LOOPBACK)


def with_address(port: int) -> Callable[[F], F]:
    """The options that say where pages are served."""

    def decorated(command: F) -> F:
        for option in (
            click.option(
                "--allow-host",
                "names",
                multiple=True,
                help="Another name under which browsers may ask; may be given several times.",
            ),
            click.option(
                "--host",
                default=HOST,
                show_default=True,
                help="Address to listen on. Any other than this one lets other machines in.",
            ),
            click.option("--port", type=click.IntRange(0, 65535), default=port, show_default=True),
        ):
            command = option(command)
        return command

    return decorated


class PagesMissing(click.ClickException):
    """The extra is not installed."""

    exit_code = UNAVAILABLE

    def __init__(self, command: str) -> None:
        super().__init__(f"{command} needs the extra: pip install 'dispatcher-worker[pages]'")


def needs_pages(command: str) -> None:
    """Raises PagesMissing where what the pages are made with is not installed."""
    try:
        for name in _NEEDED:
            import_module(name)
    except ImportError:
        raise PagesMissing(command) from None


def serve(
    app: "ASGIApp",
    address: PageAddress,
    what: str,
    *,
    refreshes: "Refreshes",
    around: Sequence[Around] = (),
) -> None:
    """Serve until SIGINT or SIGTERM. Raises ClickException where the port is taken.

    Requests are answered on the main thread, where alone a rendering can be interrupted.
    """
    with _listening(address) as listener:
        asyncio.run(_serve(app, listener, address, what, refreshes, around))


def reason_of(error: OSError) -> str:
    """Why a socket cannot listen, without the number."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


@contextmanager
def _listening(address: PageAddress) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        where = f"{address.host}:{address.port}"
        raise click.ClickException(f"{where}: {reason_of(error)}; try --port") from None
    with listener:
        yield listener


async def _serve(
    app: "ASGIApp",
    listener: socket.socket,
    address: PageAddress,
    what: str,
    refreshes: "Refreshes",
    around: Sequence[Around],
) -> None:
    server = _server(app)

    def end() -> None:
        refreshes.close()
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    async with AsyncExitStack() as stack:
        for each in around:
            await stack.enter_async_context(each())
        words(f"{what}: {_shown(address, listener)} (Ctrl-C ends)")
        await server.serve(sockets=[listener])


def _server(app: "ASGIApp") -> "Server":
    import uvicorn

    class InProcessServer(uvicorn.Server):
        """Leaves signals to us: one of them is the usual end, and no failure."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    return InProcessServer(config)


def _shown(address: PageAddress, listener: socket.socket) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http://{host}:{listener.getsockname()[1]}/"
