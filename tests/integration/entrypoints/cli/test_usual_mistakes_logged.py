"""What a worker's log says of the usual mistakes in templates."""

import json
from pathlib import Path

from tests.support.mistakes import MISTAKES
from tests.support.worker import run_command


def test_the_log_names_file_line_and_remedy_of_each_usual_mistake(tmp_path: Path) -> None:
    settings = {"render_timeout": "200ms", "log_format": "json", "email_from": "a@example.com"}
    files = {}
    for number, (name, mistake) in enumerate(MISTAKES.items()):
        files[name] = mistake.write(tmp_path / "templates", f"t{number}")
        if mistake.logged == "message":
            data = json.dumps({"name": "Ann", "order": {"total": 1}})
            send = ("send", f"t{number}", "--to", "ann@example.org", "--subject", "x")
            sent = run_command(*send, "--data", data, settings=settings, cwd=tmp_path)
            assert sent.returncode == 0, sent.stderr

    worked = run_command("worker", "--drain", settings=settings, cwd=tmp_path)
    lines = [json.loads(line) for line in worked.stderr.splitlines() if line.startswith("{")]
    said = [str(line.get("fault") or line.get("error")) for line in lines]

    for name, mistake in MISTAKES.items():
        where = f"{files[name]} line {mistake.line}"
        assert [one for one in said if where in one and mistake.remedy in one], name
