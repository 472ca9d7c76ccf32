"""Leave out of an installation what Dispatcher never reads: Faker's people of other languages than
English, and of Babel's data the names of languages and units. To be run by its Python, once."""

import pickle
import shutil
from importlib.util import find_spec
from pathlib import Path

# Of each language; dates, numbers, currencies and time zones stay.
UNUSED = (
    "unit_patterns",
    "unit_display_names",
    "compound_unit_patterns",
    "languages",
    "scripts",
    "variants",
    "date_fields",
    "compact_decimal_formats",
    "compact_currency_formats",
    "interval_formats",
    "currency_names",
    "currency_names_plural",
)
WHOLE = ("root.dat", "en.dat")  # a new catalogue has its language's English name


def folder_of(package: str) -> Path:
    """Where a package is installed."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"there is no package {package}")
    return Path(found.origin).parent


def trim_faker(package: Path) -> None:
    """Remove the people of all languages but English."""
    for folder in (package / "providers").rglob("*_*"):
        is_language = folder.is_dir() and folder.name.split("_")[0] != "en"
        if is_language and folder.name.split("_")[-1].isupper():
            shutil.rmtree(folder)


def trim_babel(package: Path) -> None:
    """Write the data of each language again, without what is not used."""
    for path in (package / "locale-data").glob("*.dat"):
        if path.name in WHOLE:
            continue
        data = pickle.loads(path.read_bytes())  # noqa: S301 - Babel's own
        for key in UNUSED:
            data.pop(key, None)
        path.write_bytes(pickle.dumps(data, 2))


if __name__ == "__main__":
    trim_faker(folder_of("faker"))
    trim_babel(folder_of("babel"))
