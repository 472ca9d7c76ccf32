"""Counts what is in the queues of either broker; makes and takes nothing."""

from datetime import UTC, datetime

from adapters.inbound.survey import QueueState
from entrypoints.container import Container
from entrypoints.settings import Settings


async def survey(settings: Settings) -> tuple[QueueState, ...]:
    """The queues of the channels that are configured here; all of them where no channel is, as on
    an operator's machine. Raises BrokerUnavailable or SettingsInvalid."""
    queues = settings.managed_queues
    if settings.is_embedded:
        from adapters.sqlite import survey as sqlite
        from adapters.sqlite.url import parse_sqlite_url

        return sqlite.survey(parse_sqlite_url(settings.broker), queues, datetime.now(UTC))
    from adapters.rabbitmq import survey as rabbitmq

    return await rabbitmq.survey(Container(settings=settings).rabbit(), queues)
