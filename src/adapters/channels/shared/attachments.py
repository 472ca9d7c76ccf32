"""Attachments with their bytes: given with the message, or read from the one folder allowed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from domain.errors import FailureReason, Permanent
from domain.notification import Attachment
from domain.value_object import value_object


@value_object(kw_only=True)
class File:
    """An attachment with its bytes at hand."""

    filename: str
    content_type: str
    content: bytes
    content_id: str | None = None


class AttachmentFolder:
    """Reads attachments named by path, from below `root` only."""

    def __init__(self, root: Path | None, most: int | None = None) -> None:
        """`most`: bytes of all files of one message."""
        self._root = root
        self._most = most

    async def size_of(self, names: Sequence[str]) -> int:
        """Return the bytes of these files, 0 for one that cannot be read."""
        return await asyncio.to_thread(lambda: sum(map(self._size, names)))

    async def load(self, attachments: Sequence[Attachment]) -> list[File]:
        """Every attachment with its bytes. Raises Permanent naming the file that cannot be read, or
        that is one too many."""
        files = []
        left = self._most
        for attachment in attachments:
            content = attachment.content
            if attachment.path is not None:
                content = await asyncio.to_thread(self._read, attachment.path, left)
                left = None if left is None else left - len(content)
            files.append(
                File(
                    filename=attachment.filename,
                    content_type=attachment.content_type,
                    content=content or b"",
                    content_id=attachment.content_id,
                )
            )
        return files

    def _size(self, name: str) -> int:
        try:
            return self._find(name).stat().st_size
        except (Permanent, OSError):
            return 0  # reading it will say why

    def _read(self, name: str, most: int | None) -> bytes:
        """The bytes of a file of at most so many."""
        path = self._find(name)
        try:
            with path.open("rb") as file:
                content = file.read() if most is None else file.read(most + 1)
        except OSError as error:
            raise _refused(name, f"{error.strerror} (in DISPATCHER_ATTACHMENTS_DIR)") from None
        if most is not None and len(content) > most:
            bound = f"the files of one message may have {self._most} bytes in all"
            raise _refused(name, f"{bound}; send a link, or raise DISPATCHER_MAX_IN_HAND")
        return content

    def _find(self, name: str) -> Path:
        if self._root is None:
            raise _refused(name, "set DISPATCHER_ATTACHMENTS_DIR to the folder it may come from")
        try:
            root = self._root.resolve(strict=True)
            path = (root / name).resolve(strict=True)
            if not path.is_relative_to(root):
                raise _refused(name, "it lies outside DISPATCHER_ATTACHMENTS_DIR")
            if not path.is_file():
                raise _refused(name, "it is no file in DISPATCHER_ATTACHMENTS_DIR")
        except (OSError, ValueError, RuntimeError) as error:
            # It is missing, has a NUL in its name, or is a loop of links.
            detail = error.strerror if isinstance(error, OSError) else error
            raise _refused(name, f"{detail} (in DISPATCHER_ATTACHMENTS_DIR)") from None
        return path


def _refused(name: str, why: str) -> Permanent:
    return Permanent(
        f"attachment {name[:200]!r} cannot be read: {why}", reason=FailureReason.CONTENT_REFUSED
    )
