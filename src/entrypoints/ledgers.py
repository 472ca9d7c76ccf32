"""What is kept in the ledger, of the kind that DISPATCHER_LEDGER_URL names."""

from adapters.clock import SystemClock
from domain.ledger import DeliveryLedger
from domain.pace import PaceStore
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.settings.sources import variable

_NO_REDIS = (
    f"{variable('ledger_url')}: redis:// needs the extra: pip install 'dispatcher-worker[redis]'"
)


def delivery_ledger(settings: Settings, clock: SystemClock) -> DeliveryLedger:
    """Who got which message. Raises SettingsInvalid."""
    if settings.ledger.startswith("memory:"):
        from adapters.memory.ledger import MemoryLedger

        return MemoryLedger()
    if settings.ledger.startswith("sqlite:"):
        from adapters.sqlite.ledger import SqliteLedger
        from adapters.sqlite.url import parse_sqlite_url

        return SqliteLedger(parse_sqlite_url(settings.ledger), clock, lease=settings.lease)
    try:
        from adapters.redis.ledger import RedisLedger

        return RedisLedger(settings.ledger, lease=settings.lease)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{variable('ledger_url')}: {error}"]) from None


def pace_store(settings: Settings) -> PaceStore:
    """How fast each provider is sent to. Raises SettingsInvalid."""
    if settings.ledger.startswith("memory:"):
        from adapters.memory.paces import MemoryPaces

        return MemoryPaces()
    if settings.ledger.startswith("sqlite:"):
        from adapters.sqlite.paces import SqlitePaces
        from adapters.sqlite.url import parse_sqlite_url

        return SqlitePaces(parse_sqlite_url(settings.ledger))
    try:
        from adapters.redis.paces import RedisPaces

        return RedisPaces(settings.ledger)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{variable('ledger_url')}: {error}"]) from None
