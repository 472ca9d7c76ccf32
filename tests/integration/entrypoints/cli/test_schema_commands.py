"""`dispatcher schema` and `dispatcher templates schema`."""

import json
from pathlib import Path

from tests.support.worker import ROOT, run_command

TEMPLATES = {"templates_dir": str(ROOT / "templates")}


def test_the_message_s_schema_is_printed_whatever_the_settings_are(tmp_path: Path) -> None:
    printed = run_command("schema", settings={"email_pool": "none"}, cwd=tmp_path)

    assert printed.returncode == 0
    assert json.loads(printed.stdout)["required"] == ["to", "template"]


def test_a_template_s_schema_names_what_it_reads(tmp_path: Path) -> None:
    printed = run_command(
        "templates", "schema", "order-confirmation", settings=TEMPLATES, cwd=tmp_path
    )

    assert json.loads(printed.stdout)["required"] == ["delivery", "link", "name", "order"]


def test_nothing_is_required_by_lenient_templates(tmp_path: Path) -> None:
    settings = {**TEMPLATES, "templates_undefined": "lenient"}

    printed = run_command("templates", "schema", "welcome", settings=settings, cwd=tmp_path)

    assert json.loads(printed.stdout)["required"] == []


def test_an_unknown_template_is_1(tmp_path: Path) -> None:
    printed = run_command("templates", "schema", "nothing", settings=TEMPLATES, cwd=tmp_path)

    assert (printed.returncode, printed.stdout) == (1, "")
    assert "nothing" in printed.stderr
