"""What a browser shows of many pages, asked once for all of them."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PROGRAM = "chromium"
_SCRIPT = """
<!doctype html><meta charset="utf-8"><pre id="out"></pre><script>
const pages = %s, seen = [];
for (const page of pages) {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-same-origin"; frame.width = 600;
    document.body.append(frame);
    frame.contentDocument.open(); frame.contentDocument.write(page); frame.contentDocument.close();
    for (const image of frame.contentDocument.querySelectorAll("img[alt]"))
        image.replaceWith(" " + image.alt + " ");
    seen.push(frame.contentDocument.body ? frame.contentDocument.body.innerText : "");
    frame.remove();
}
document.getElementById("out").textContent = JSON.stringify(seen);
</script>
"""


def is_there() -> bool:
    """Whether there is a browser to ask."""
    return shutil.which(PROGRAM) is not None


def inner_texts(pages: Sequence[str], folder: Path) -> list[str]:
    """The `innerText` of each page's body, pictures replaced by their alt text."""
    file = folder / "pages.html"
    file.write_text(_SCRIPT % json.dumps(list(pages)).replace("</", "<\\/"), "utf-8")
    command = [PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={folder / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    texts: list[str] = json.loads(html.unescape(found[1]))
    return texts
