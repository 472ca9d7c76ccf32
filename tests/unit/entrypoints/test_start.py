"""What a worker says before its first message."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.templates.limits import STATM
from entrypoints.settings import load_settings
from entrypoints.start import announce


@pytest.mark.parametrize(("statm", "said"), [(STATM, 0), ("/absent/statm", 1)])
def test_where_the_memory_of_a_rendering_has_no_bound_the_worker_says_so(
    statm: str, said: int, tmp_path: Path
) -> None:
    environ = {"DISPATCHER_BROKER_URL": "amqp://localhost/", "DISPATCHER_HOME": str(tmp_path)}
    settings = load_settings(environ, tmp_path / "absent.toml").settings

    with capture_logs() as lines:
        announce(settings, "v1", statm=statm)

    assert [line["event"] for line in lines].count("renderings have no memory limit") == said
    assert lines[-1]["event"] == "worker starting"
