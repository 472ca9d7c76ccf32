"""What is kept in the ledger, of the kind that DISPATCHER_LEDGER_URL names."""

from pathlib import Path

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
    if settings.ledger.startswith(("memory:", "sqlite:")):
        from adapters.sqlite.ledger import SqliteLedger

        return SqliteLedger(_file(settings.ledger), clock, lease=settings.lease)
    try:
        from adapters.redis.ledger import RedisLedger

        return RedisLedger(settings.ledger, lease=settings.lease)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{variable('ledger_url')}: {error}"]) from None


def pace_store(settings: Settings) -> PaceStore:
    """How fast each provider is sent to. Raises SettingsInvalid."""
    if settings.ledger.startswith(("memory:", "sqlite:")):
        from adapters.sqlite.paces import SqlitePaces

        return SqlitePaces(_file(settings.ledger))
    try:
        from adapters.redis.paces import RedisPaces

        return RedisPaces(settings.ledger)
    except ImportError:
        raise SettingsInvalid([_NO_REDIS]) from None
    except ValueError as error:
        raise SettingsInvalid([f"{variable('ledger_url')}: {error}"]) from None


def _file(url: str) -> Path | None:
    """The ledger's file; None: in memory."""
    from adapters.sqlite.url import parse_sqlite_url

    return None if url.startswith("memory:") else parse_sqlite_url(url)
