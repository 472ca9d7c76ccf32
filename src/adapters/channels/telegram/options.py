"""How a message is to look and sound: the object `telegram` in a notification's metadata."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import FailureReason, Permanent
from domain.notification import JsonValue, Notification

_Url = Annotated[str, Field(pattern=r"^(https?|tg)://", max_length=2048)]


class Button(BaseModel):
    """A link below the message."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    text: str = Field(min_length=1)
    url: _Url


class Options(BaseModel):
    """What a producer may ask for. `buttons`: rows of links. `preview`: of the first link in the
    text. `topic`: the message thread of a forum. `plain_on_error`: a text whose markup Telegram
    cannot parse is sent without any, instead of not at all."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    buttons: list[list[Button]] = []
    silent: bool = False
    preview: bool = True
    topic: int | None = Field(default=None, ge=1)
    plain_on_error: bool = False

    @classmethod
    def of(cls, notification: Notification) -> "Options":
        """Raises Permanent that names each wrong field, and never its value."""
        try:
            return cls.model_validate(notification.metadata.get("telegram") or {})
        except ValidationError as error:
            faults = "; ".join(
                f"metadata.telegram{''.join(f'.{part}' for part in fault['loc'])}: {fault['msg']}"
                for fault in error.errors(include_input=False, include_url=False)
            )
        raise Permanent(faults, reason=FailureReason.CONTENT_REFUSED)

    def fields(self, *, with_preview: bool) -> dict[str, JsonValue]:
        """The call's fields that every message has; a preview only where there is a text."""
        found: dict[str, JsonValue] = {}
        if self.silent:
            found["disable_notification"] = True
        if self.topic is not None:
            found["message_thread_id"] = self.topic
        if with_preview and not self.preview:
            found["link_preview_options"] = {"is_disabled": True}
        return found

    def keyboard(self) -> dict[str, JsonValue]:
        """The call's field for the buttons; it belongs to the last message with text."""
        if not self.buttons:
            return {}
        rows = [[button.model_dump() for button in row] for row in self.buttons]
        return {"reply_markup": {"inline_keyboard": rows}}
