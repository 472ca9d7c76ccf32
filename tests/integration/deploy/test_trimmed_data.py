"""What the image leaves out of Babel and Faker is missed by no template and no made-up message."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TRIM = """
import runpy, sys
from pathlib import Path
trim = runpy.run_path(sys.argv[1])
trim["trim_babel"](Path(sys.argv[2]) / "babel")
trim["trim_faker"](Path(sys.argv[2]) / "faker")
"""
WRITTEN = """
from adapters.templates.formats import FUNCTIONS
import babel, faker
print(babel.__file__.startswith(%r), faker.__file__.startswith(%r))
for tag in ("en", "it", "de-CH", "pt-BR", "ar", "zh-Hant-TW", "ja", "ru", "hi", "fa", "sr-Latn"):
    for name, value, *more in (
        ("date", "2026-07-31", "full"),
        ("datetime", "2026-07-31T22:30:00Z", "full", tag, "Europe/Rome"),
        ("time", "2026-07-31T22:30:00Z", "full", tag, "America/New_York"),
        ("number", 1234567.891), ("percent", 0.256, 1), ("currency", 1234.5, "EUR"),
        ("currency", 1234.5, "JPY"),
    ):
        named = {} if tag in more else {"locale": tag}
        print(tag, name, FUNCTIONS[name](None, value, *more, **named))
"""
MADE_UP = """
from faker import Faker
from entrypoints.cli.sending import fake
from babel.messages.catalog import Catalog
from babel.core import Locale
print(bool(Faker().name()), bool(Faker().address()), bool(Faker().email()))
print(Catalog(locale="pt_BR").header_comment, Catalog(locale="it").plural_forms)
"""


def _printed(program: str, packages: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": f"{packages}:{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both packages as the image has them."""
    folder = tmp_path_factory.mktemp("packages")
    for package in ("babel", "faker"):
        found = find_spec(package)
        assert found is not None
        assert found.origin is not None
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(found.origin).parent, folder / package, ignore=unwanted)
    before = _size(folder)
    _printed(TRIM, folder, str(ROOT / "deploy/image/trim.py"), str(folder))
    assert _size(folder) < before - 20_000_000
    return folder


def test_dates_and_numbers_are_the_same_without_what_is_left_out(packages: Path) -> None:
    trimmed = _printed(WRITTEN % ((str(packages),) * 2), packages)
    whole = _printed(WRITTEN % ((str(packages),) * 2), ROOT / "src")

    assert trimmed.splitlines()[0] == "True True"
    assert whole.splitlines()[0] == "False False"
    assert trimmed.splitlines()[1:] == whole.splitlines()[1:]
    assert len(trimmed.splitlines()) == 78


def test_made_up_people_and_new_catalogues_are_made(packages: Path) -> None:
    printed = _printed(MADE_UP, packages)

    assert printed.startswith("True True True\n# Portuguese (Brazil) translations")
    assert "nplurals=" in printed
