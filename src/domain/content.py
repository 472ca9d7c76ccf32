"""What a renderer returns: the parts that a notifier sends, and the template's own settings."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from domain.value_object import value_object

if TYPE_CHECKING:
    from domain.quiet_hours import QuietHours


class InDoubtPolicy(StrEnum):
    """What to do when a crash or a lost connection hid whether a message was sent."""

    RESEND = "resend"
    HOLD = "hold"


@value_object(kw_only=True)
class Envelope:
    """What `template.toml` sets for every notification made from a template; None: not set."""

    sender: str | None = None
    channels: tuple[str, ...] | None = None
    expires_after: timedelta | None = None
    priority: int | None = None
    in_doubt: InDoubtPolicy | None = None
    quiet: "QuietHours | None" = None


@value_object(kw_only=True)
class Content:
    """A rendered notification.

    `parts` holds finished text by part name: `html` and `text` for email, `telegram`, `slack`,
    `slack.json`. `version` is the content hash of the template set it was made from. `preheader`:
    what an inbox shows after the subject, in plain text; it is in the HTML already. `headers`: the
    mail's own from the template, such as List-Unsubscribe.
    """

    subject: str | None = None
    parts: Mapping[str, str] = field(repr=False)
    envelope: Envelope = Envelope()
    version: str = ""
    preheader: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
