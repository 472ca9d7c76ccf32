"""The HTML of a mail with the pictures that come with the mail."""

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from adapters.channels.shared.attachments import AttachmentFolder
from adapters.channels.shared.captured import CapturedFile
from domain.errors import Permanent
from domain.notification import Attachment

_MOST = 32 * 1024 * 1024  # characters of pictures in the HTML
_INLINE = re.compile(r"""cid:([^"'\s)>]+)""", re.IGNORECASE)


def with_pictures(html: str, files: Iterable[CapturedFile]) -> str:
    """The HTML with these files in their places, as long as it does not become too large."""
    room = _MOST
    inline = {file.content_id: file for file in files if file.content_id}
    made: dict[str, str] = {}

    def address(found: re.Match[str]) -> str:
        nonlocal room
        name = unquote(found[1])
        if name not in inline:
            return found[0]
        if name not in made:
            made[name] = inline[name].as_url()
        room -= len(made[name])
        return made[name] if room >= 0 else found[0]

    return _INLINE.sub(address, html)


async def inline_files(
    attachments: Iterable[Attachment], folder: Path | None
) -> list[CapturedFile]:
    """Those that HTML can show. One that is named by its path and is not in `folder` is left out:
    it may be on the worker's machine alone."""
    files = []
    for attachment in attachments:
        if attachment.content_id is None:
            continue
        try:
            [file] = await AttachmentFolder(folder, _MOST).load([attachment])
        except Permanent:
            continue
        read = partial(bytes, file.content)
        files.append(CapturedFile(file.filename, read, file.content_type, attachment.content_id))
    return files
