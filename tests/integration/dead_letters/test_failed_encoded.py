"""`dispatcher failed` with letters that travelled compressed."""

import base64
import gzip
import json
from pathlib import Path

from tests.integration.dead_letters.test_failed import edit
from tests.support.dead_letters import Office

PROPERTIES = {"content_encoding": "gzip", "content_type": "application/json"}


def test_field_7_5_a_compressed_letter_is_shown_edited_and_exported(tmp_path: Path) -> None:
    office = Office(tmp_path, "email")
    office.template("welcome")
    plain = office.line("a", to="ann@exmaple.com")
    body = base64.b64encode(gzip.compress(plain.pop("body").encode())).decode()
    office.bury([{**plain, "body_base64": body, "properties": PROPERTIES}])

    exported = json.loads(office.failed("export").stdout)
    shown = office.failed("show", "a", "--reveal")
    edited = edit(office, "text = text.replace('exmaple', 'example')", "a")

    assert (exported["body_base64"], exported["properties"]) == (body, PROPERTIES)
    assert "ann@exmaple.com" in shown.stdout
    assert (edited.returncode, edited.stdout) == (0, "a~1\n"), edited.stderr
    assert office.sent() == [("a~1", "ann@example.com")]
