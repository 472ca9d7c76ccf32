"""The rules that stay in a page's style sheets once the others are in its tags."""

import re

_TOKEN = re.compile(
    r"/\*.*?(?:\*/|\Z)|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?"
    r"|url\((?:[^)\"'\\]|\\.)*+\)?|[{};]",
    re.DOTALL | re.IGNORECASE,
)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_IMPORTANT = re.compile(r"!\s*important\b", re.IGNORECASE)
_GROUPS = ("@media", "@supports", "@layer", "@container")

# What a block holds: rules that hold only at times, declarations of such a rule or of any other,
# or what is no rule of a page, as `@font-face`.
_GROUP, _AT_TIMES, _ALWAYS, _OTHER = range(4)


def with_precedence(css: str, *, at_times: bool = False) -> str:
    """The style sheet, in which rules for some screens or for a link that is pointed at win over
    what was put into the tags, as they did over the rules that this came from.

    `at_times`: the whole sheet is for some screens only.
    """
    written: list[str] = []
    blocks: list[int] = []
    start = 0
    for found in _TOKEN.finditer(css):
        sign = found[0]
        if sign not in ("{", "}", ";"):
            continue
        text = css[start : found.start()]
        start = found.end()
        if sign == "{":
            blocks.append(_kind(text, blocks, at_times=at_times))
        elif blocks and blocks[-1] == _AT_TIMES:
            text = _important(text)
        written += (text, sign)
        if sign == "}" and blocks:
            blocks.pop()
    return "".join((*written, css[start:]))


def _kind(prelude: str, around: list[int], *, at_times: bool) -> int:
    """What the block after these words holds."""
    words = _COMMENT.sub("", prelude).strip().lower()
    if words.startswith(_GROUPS):
        return _GROUP
    if words.startswith("@") or _OTHER in around:
        return _OTHER
    is_at_times = at_times or _GROUP in around or _AT_TIMES in around or ":" in words
    return _AT_TIMES if is_at_times else _ALWAYS


def _important(declaration: str) -> str:
    bare = _COMMENT.sub("", declaration)
    if ":" not in bare or _IMPORTANT.search(bare):
        return declaration
    end = len(declaration.rstrip())
    return f"{declaration[:end]} !important{declaration[end:]}"
