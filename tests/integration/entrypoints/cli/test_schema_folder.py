"""`dispatcher templates schema --all`: a folder that producers depend on."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from jsonschema import Draft202012Validator

from tests.support.worker import ROOT, run_command

NAMES = ["order-confirmation", "password-reset", "welcome"]


def schema(folder: Path, *options: str) -> CompletedProcess[str]:
    templates = folder / "templates"
    if not templates.exists():
        templates.symlink_to(ROOT / "templates")
    return run_command("templates", "schema", *options, settings={}, cwd=folder)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Templates that the test may change, with their schemas written."""
    for name in ("a", "shop/b"):
        (tmp_path / "templates" / name).mkdir(parents=True)
        (tmp_path / "templates" / name / "text.jinja2").write_text("{{ z }}{{ a }}")
    done = schema(tmp_path, "--all", "schemas")
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_without_a_folder_they_are_written_to_schemas(own: Path) -> None:
    (own / "schemas" / "a.schema.json").unlink()

    done = schema(own, "--all")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "schemas/a.schema.json: written\n"
    assert schema(own, "--all", "--check").returncode == 0


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Which file each is, and when it was written."""
    found = ((path, path.stat()) for path in folder.rglob("*.json"))
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in found}


def test_each_template_has_a_file_that_says_what_the_command_prints(tmp_path: Path) -> None:
    done = schema(tmp_path, "--all", "a/schemas")

    made = files(tmp_path / "a/schemas")
    assert done.returncode == 0, done.stderr
    assert list(made) == [f"{name}.schema.json" for name in NAMES]
    for name in NAMES:
        text = made[f"{name}.schema.json"]
        parsed = json.loads(text)
        Draft202012Validator.check_schema(parsed)
        assert parsed == json.loads(schema(tmp_path, name).stdout)
        assert text == json.dumps(parsed, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def test_what_is_up_to_date_is_left_alone(own: Path) -> None:
    before = written(own / "schemas")

    again = schema(own, "--all", "schemas")

    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "schemas is up to date, 2 schemas\n"
    assert written(own / "schemas") == before


def test_only_its_own_stale_files_are_removed(own: Path) -> None:
    schemas = own / "schemas"
    for name in ("README.md", "mine.schema.json", "shop/notes.txt", "list.schema.json"):
        (schemas / name).write_text("[]" if name == "list.schema.json" else "{}")
    (own / "templates/shop/b/text.jinja2").unlink()
    (own / "templates/a").rename(own / "templates/c")

    done = schema(own, "--all", "schemas")

    assert done.stdout.splitlines() == [
        "schemas/a.schema.json: removed",
        "schemas/c.schema.json: written",
        "schemas/shop/b.schema.json: removed",
    ]
    kept = ["README.md", "c.schema.json", "list.schema.json", "mine.schema.json", "shop/notes.txt"]
    assert list(files(schemas)) == kept


def test_schemas_in_a_folder_within_it_are_left_alone(own: Path) -> None:
    before = files(own / "schemas")

    done = schema(own, "--all", ".")

    assert done.stdout.splitlines() == [
        "a.schema.json: written",
        "shop/b.schema.json: written",
    ]
    assert files(own / "schemas") == before


def test_an_empty_folder_of_templates_is_named(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()

    done = schema(tmp_path, "--all", "schemas")

    assert done.returncode == 1
    assert done.stderr == "DISPATCHER_TEMPLATES_DIR: there is no template in the folder\n"


def test_a_folder_left_empty_is_removed(own: Path) -> None:
    (own / "templates/shop/b/text.jinja2").unlink()

    schema(own, "--all", "schemas")

    assert not (own / "schemas/shop").exists()


def test_check_fails_where_the_folder_is_out_of_date_and_changes_nothing(own: Path) -> None:
    assert schema(own, "--all", "schemas", "--check").returncode == 0
    (own / "templates/a/text.jinja2").write_text("{{ z }}")
    (own / "templates/shop/b").rename(own / "templates/shop/c")
    before = files(own / "schemas")

    done = schema(own, "--all", "schemas", "--check")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "schemas/a.schema.json: different",
        "schemas/shop/b.schema.json: stale",
        "schemas/shop/c.schema.json: missing",
    ]
    assert done.stderr == "schemas is out of date; run: dispatcher templates schema --all schemas\n"
    assert files(own / "schemas") == before


def test_a_broken_template_changes_nothing(own: Path) -> None:
    before = files(own / "schemas")
    (own / "templates/a/text.jinja2").write_text("{{ z | nope }}")
    (own / "templates/shop/b/examples").mkdir()
    (own / "templates/shop/b/examples/x.json").write_text("[")

    done = schema(own, "--all", "schemas")

    assert done.returncode == 1
    assert "a/text.jinja2 line 1: No filter named 'nope'" in done.stderr
    assert "shop/b/examples/x.json line 1: is not JSON" in done.stderr
    assert files(own / "schemas") == before


@pytest.mark.parametrize("options", [(), ("a", "--all", "schemas"), ("a", "--check")])
def test_a_name_or_a_folder_must_be_given(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert schema(tmp_path, *options).returncode == 2
