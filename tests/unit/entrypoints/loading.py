"""Settings read from an environment and a file, and what is wrong with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from entrypoints.settings import Settings, SettingsInvalid, load_settings

RABBIT = {"DISPATCHER_BROKER_URL": "amqp://guest:secret@broker/"}
ABSENT = Path("absent.toml")


def load(environ: Mapping[str, str], toml: Path = ABSENT) -> Settings:
    return load_settings(environ, toml).settings


def of_channel(environ: Mapping[str, str], channel: str) -> Any:
    """The settings of one channel."""
    return load(environ).channel_settings[channel]


def faults(environ: Mapping[str, str], toml: Path = ABSENT) -> list[str]:
    with pytest.raises(SettingsInvalid) as refusal:
        load_settings(environ, toml)
    return refusal.value.faults
