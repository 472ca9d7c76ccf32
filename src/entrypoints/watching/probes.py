"""The pages of a worker, or of the parent of several, at the address that the settings name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.observers.health import HealthPages, listen
from entrypoints.settings import SettingsInvalid, variable
from entrypoints.settings.values import HttpAddress


@asynccontextmanager
async def probes(pages: HealthPages, address: HttpAddress) -> AsyncIterator[None]:
    """Serve the pages while this is entered. Raises SettingsInvalid where it cannot listen."""
    try:
        server = await listen(address.host, address.port, pages)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsInvalid(
            [f"{variable('http')}: cannot listen on {address}: {reason}"]
        ) from None
    try:
        yield
    finally:
        server.close()
