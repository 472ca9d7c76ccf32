"""What was compiled of the files of earlier sets."""

from types import CodeType

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class CodeCache(BytecodeCache):
    """Each file's last compiled code, so that an edit costs one compilation and not the set's."""

    def __init__(self) -> None:
        self._code: dict[str, tuple[str, CodeType | None]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._code.get(bucket.key, ("", None))
        bucket.code = code if checksum == bucket.checksum else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = (bucket.checksum, bucket.code)
