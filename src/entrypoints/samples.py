"""The sample templates, which come with the program, and a folder to start from."""

import shutil
from collections.abc import Iterator
from pathlib import Path

_PACKAGED = Path(__file__).with_name("samples")  # in an installed wheel
_CHECKED_OUT = Path(__file__).resolve().parents[2] / "templates"

_SETTINGS = """\
# Settings of Dispatcher; a DISPATCHER_* variable wins over its line here.
# `dispatcher config show` lists every setting, its value and where it comes from.

templates_dir = "templates"
email_from = "Shop <shop@example.com>"

# Without a broker the embedded queue in the folder `var` is used, for trying out:
# broker_url = "amqp://user:password@localhost:5672/"

# Without a relay mails are kept in `var/mail`, and `dispatcher mailbox` shows them:
# email_url = "smtp+starttls://user:password@mail.example.com:587"
"""


def write_templates(folder: Path) -> Iterator[Path]:
    """Write the samples below `folder`; each file that was written. What is there stays as it is.

    Raises OSError."""
    samples = _PACKAGED if _PACKAGED.is_dir() else _CHECKED_OUT
    for source in sorted(samples.rglob("*")):
        target = folder / source.relative_to(samples)
        if source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            yield target


def write_settings(file: Path) -> bool:
    """Write a `dispatcher.toml` to start from; False where there is one. Raises OSError."""
    if file.exists():
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_SETTINGS, "utf-8")
    return True
