"""What templates call for a text in the message's language. Values in it are escaped as the part
is."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Undefined
from jinja2.runtime import Context
from markupsafe import Markup, escape

from adapters.templates.languages import speech
from adapters.templates.messages import PLACEHOLDER
from adapters.templates.values import UnfitValue, described_kind

# What cannot stand in a JSON text as it is; what is escaped already is left so.
_JSON_BARE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|["\\\x00-\x1f]')


def gettext(context: Context, text: Any, /, **values: Any) -> str:
    """`_("Hello %(name)s", name=…)`."""
    return _said(context, text, speech().translated(text), values)


def ngettext(
    context: Context,
    singular: Any,
    several: Any,
    number: Any,
    /,
    *,
    _expression: str = "a number",
    **values: Any,
) -> str:
    """`ngettext("%(num)s item", "%(num)s items", count)`."""
    return _counted(context, None, (singular, several), number, values, _expression)


def pgettext(context: Context, meaning: str, text: Any, /, **values: Any) -> str:
    """`pgettext("a day of the week", "Sun")`."""
    values.setdefault("context", meaning)
    return _said(context, text, speech().translated(text, context=meaning), values)


def npgettext(
    context: Context,
    meaning: str,
    singular: Any,
    several: Any,
    number: Any,
    /,
    *,
    _expression: str = "a number",
    **values: Any,
) -> str:
    """As ngettext and pgettext."""
    values.setdefault("context", meaning)
    return _counted(context, meaning, (singular, several), number, values, _expression)


def plural(
    context: Context,
    value: Any,
    singular: Any,
    several: Any,
    /,
    *,
    _expression: str = "a number",
    **values: Any,
) -> str:
    """The filter: `{{ count | plural("%(num)s item", "%(num)s items") }}`."""
    return _counted(context, None, (singular, several), value, values, _expression)


def _counted(
    context: Context,
    meaning: str | None,
    texts: tuple[Any, Any],
    number: Any,
    values: dict[str, Any],
    expression: str,
) -> str:
    """The text for that many. An undefined number counts as zero where that is no error."""
    count = number
    if isinstance(number, Undefined):
        str(number)  # raises where it is one
        count = 0
    if isinstance(count, bool) or not isinstance(count, int | float) or count % 1:
        raise UnfitValue(f"{expression!r} is {described_kind(number)}, and no whole number")
    count = int(count)
    values.setdefault("num", count)
    found = speech().translated(*texts, count, meaning)
    return _said(context, texts[abs(count) != 1], found, values)


def _said(context: Context, text: Any, translated: str | None, values: Mapping[str, Any]) -> str:
    """A text with its values. What a template or a catalogue has written is not escaped, as all
    that stands in a template; a value is, and so is a text that comes from a value."""
    is_escaped, is_own = context.eval_ctx.autoescape, isinstance(text, Markup)
    escape = _escape_of(context) if is_escaped else str
    if translated is None and not is_own:
        translated = escape(text)
        if not values:  # it is no text with placeholders
            return translated

    def filled(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return "%"
        if name in values:
            return escape(values[name])
        if is_own:
            raise UnfitValue(f"the text has %({name})s, and no value for it; write {name}=…")
        return found[0]

    said = PLACEHOLDER.sub(filled, str(text) if translated is None else str(translated))
    if not is_escaped:
        return said
    if context.environment.writes_json:  # type: ignore[attr-defined]
        said = _JSON_BARE.sub(_for_json, said)
    return Markup(said)  # noqa: S704 - written by the author, and the values are escaped


def _escape_of(context: Context) -> Callable[[Any], str]:
    """What is done to a value that is printed here."""
    finalize: Any = context.environment.finalize
    if finalize is None:
        return escape
    return lambda value: str(finalize(context, value))


def _for_json(found: re.Match[str]) -> str:
    return found[0] if found[0][1:] else json.dumps(found[0])[1:-1]


FUNCTIONS = {
    "_": gettext,
    "gettext": gettext,
    "ngettext": ngettext,
    "pgettext": pgettext,
    "npgettext": npgettext,
    "plural": plural,
}
"""By their names in templates."""
