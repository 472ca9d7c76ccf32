"""From nothing: a wheel in an empty folder, `init`, and a demo that may be run again."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support.worker import ROOT, run_command


def test_field_8_12_init_writes_samples_and_settings_and_changes_nothing_that_is_there(
    tmp_path: Path,
) -> None:
    mine = tmp_path / "shop/templates/welcome.jinja2"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    first = run_command("init", "shop", settings={}, cwd=tmp_path)
    listed = run_command("templates", "list", settings={}, cwd=tmp_path / "shop")
    second = run_command("init", "shop", settings={}, cwd=tmp_path)

    assert first.returncode == 0, first.stderr
    assert {"shop/dispatcher.toml", "shop/compose.yaml"} <= set(first.stdout.split())
    assert mine.read_text() == "mine"
    assert "order-confirmation" in listed.stdout
    assert (second.returncode, second.stdout) == (0, "")


def test_field_8_12_the_demo_runs_in_an_empty_folder_and_writes_its_templates(
    tmp_path: Path,
) -> None:
    demo = run_command("demo", settings={}, cwd=tmp_path)

    assert demo.returncode == 0, demo.stderr
    assert "sample files to templates/" in demo.stderr
    assert (tmp_path / "templates/welcome.jinja2").exists()


def test_field_8_12_the_wheel_carries_the_samples(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)),
        ],
        check=True,
        timeout=120,
    )

    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix("entrypoints/samples/") for name in archive.namelist()}
    samples = ROOT / "templates"
    there = {str(f.relative_to(samples)) for f in samples.rglob("*") if f.is_file()}
    assert there <= packed


def test_field_8_14_a_second_demo_after_the_advice_was_followed_says_what_happened(
    tmp_path: Path,
) -> None:
    run_command("demo", settings={}, cwd=tmp_path)
    (tmp_path / "templates/demo-invoice.jinja2").write_text("<p>Here is your invoice.</p>")

    second = run_command("demo", settings={}, cwd=tmp_path)

    assert second.returncode == 0, second.stderr
    assert second.stdout.count("dead-lettered: ") == 2
    assert "templates/demo-invoice-2.jinja2" in second.stdout
