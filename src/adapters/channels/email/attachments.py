"""Attachments with their bytes: given with the message, or read from the one folder allowed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from adapters.channels.email.files import File
from domain.errors import FailureReason, Permanent
from domain.notification import Attachment


class AttachmentFolder:
    """Reads attachments named by path, from below `root` only."""

    def __init__(self, root: Path | None) -> None:
        self._root = root

    async def load(self, attachments: Sequence[Attachment]) -> list[File]:
        """Every attachment with its bytes. Raises Permanent naming the file that cannot be read."""
        files = []
        for attachment in attachments:
            content = attachment.content
            if attachment.path is not None:
                content = await asyncio.to_thread(self._read, attachment.path)
            files.append(
                File(
                    filename=attachment.filename,
                    content_type=attachment.content_type,
                    content=content or b"",
                    content_id=attachment.content_id,
                )
            )
        return files

    def _read(self, name: str) -> bytes:
        if self._root is None:
            raise _refused(name, "set DISPATCHER_ATTACHMENTS_DIR to the folder it may come from")
        try:
            root = self._root.resolve(strict=True)
            path = (root / name).resolve(strict=True)
            if not path.is_relative_to(root):
                raise _refused(name, "it lies outside DISPATCHER_ATTACHMENTS_DIR")
            if not path.is_file():
                raise _refused(name, "it is no file in DISPATCHER_ATTACHMENTS_DIR")
            return path.read_bytes()
        except (
            OSError,
            ValueError,
            RuntimeError,
        ) as error:  # missing, a NUL in it, a loop of links
            detail = error.strerror if isinstance(error, OSError) else error
            raise _refused(name, f"{detail} (in DISPATCHER_ATTACHMENTS_DIR)") from None


def _refused(name: str, why: str) -> Permanent:
    return Permanent(
        f"attachment {name[:200]!r} cannot be read: {why}", reason=FailureReason.CONTENT_REFUSED
    )
