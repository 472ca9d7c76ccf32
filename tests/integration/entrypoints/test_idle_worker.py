"""What a worker that sends plain mail keeps loaded."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.support.worker import clean_environment, run_command, wait_until

ONLY_FOR_SOME = (
    *("babel", "css_inline", "mjml", "starlette", "uvicorn", "watchfiles", "zoneinfo", "tzdata"),
    *("jinja2.ext", "rich", "yaml", "domain.quiet_hours"),
    *("adapters.inbound.suppress", "adapters.suppressions"),
    *("adapters.templates.finishing", "adapters.templates.formats", "adapters.templates.languages"),
    *("adapters.templates.inspection", "adapters.templates.lint"),
    *("adapters.templates.own_filters", "adapters.templates.translation"),
    *("entrypoints.mailbox", "entrypoints.pages", "entrypoints.producers"),
)
_MARK = "loaded at the end:"
WORKER = f"""
import atexit, sys
from entrypoints.cli import main
atexit.register(lambda: print({_MARK!r}, *(name for name, one in sys.modules.items() if one)))
main(["worker"])
"""


def test_a_worker_of_plain_mails_loads_nothing_that_only_some_templates_or_settings_need(
    tmp_path: Path,
) -> None:
    templates, mails, log = tmp_path / "templates", tmp_path / "var/mail/new", tmp_path / "log"
    templates.mkdir()
    (templates / "hi.jinja2").write_text("<p>Hi {{ name }}</p>")
    settings = {"channels": "email", "email_from": "shop@example.com"}
    fields = ("--to", "a@example.org", "--subject", "Hi", "--data", '{"name": "Ann"}')
    sent = run_command("send", "hi", *fields, settings=settings, cwd=tmp_path)
    assert sent.returncode == 0, sent.stderr

    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env=clean_environment(**settings),
            cwd=tmp_path,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: any(mails.glob("*")), on_failure=log.read_text)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0
    finally:
        worker.kill()
    loaded = set(log.read_text().partition(_MARK)[2].split())

    assert {"adapters.channels.email.maildir", "adapters.templates.renderer"} <= loaded
    assert loaded.intersection(ONLY_FOR_SOME) == set()
