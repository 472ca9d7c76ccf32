"""The message's fields and their rules. Unknown fields are kept aside, never refused."""

import base64
import mimetypes
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    model_validator,
)

from adapters.message_format.addressing import (
    by_channel,
    channel_name,
    language_tag,
    named_channels,
    optional_recipient,
    optional_recipients,
    text_of,
    timezone_name,
)
from domain.duration import parse_duration
from domain.media_type import MediaType
from domain.notification import (
    TEMPLATE_NAME,
    Attachment,
    Recipient,
    extra_header_fault,
    header_fault,
    template_name_fault,
)

_MAX_ID = 255  # as an AMQP message id: it travels in the headers of copies
_USUAL_ID = re.compile(rf"[!-~]{{0,{_MAX_ID}}}")
_ONE_LINE = re.compile(r"[^\r\n\0]*+")
_FILENAME = re.compile(r"[^\r\n\0]++")
_MAX_DELAY = timedelta(days=366)
_CONTENT_ID = re.compile(r"<?(?P<id>[A-Za-z0-9!#$&'*+/=?^_`{|}~.@-]{1,200})>?")  # RFC 2392
_BASE64_SPACE = re.compile(r"[ \t\r\n]+")
_URL_SAFE = str.maketrans("-_", "+/")
_LEAP_SECOND = re.compile(r"(T\d\d:?\d\d:?)60", re.ASCII)

# Any, for the library's sake alone: a recursive alias is beyond it, and the strict parser has
# already seen to it that there is nothing but JSON in here.
JsonObject = dict[str, Any]


def _checked(fault: Callable[[str], str | None], usual: re.Pattern[str]) -> Callable[[object], str]:
    """A text without that fault. What is `usual` has none, and is not looked at further."""

    def validate(value: object) -> str:
        if isinstance(value, str) and usual.fullmatch(value):
            return value
        text = text_of(value)
        if found := fault(text):
            raise ValueError(found)
        return text

    return validate


def _id_fault(text: str) -> str | None:
    if len(text.encode()) > _MAX_ID:
        return f"must be at most {_MAX_ID} bytes"
    return header_fault(text)


def _time(value: object) -> datetime:
    try:
        time = _iso_time(text_of(value).strip().upper())  # RFC 3339 5.6 allows lower case
    except (ValueError, OverflowError):
        raise ValueError("must be an ISO 8601 time such as 2026-01-31T08:00:00+01:00") from None
    if time.tzinfo is None:
        raise ValueError("must carry an offset, such as +01:00 or Z")
    try:
        return time.astimezone(UTC)
    except OverflowError:  # the last day of year 9999, west of Greenwich
        raise ValueError("is out of range") from None


def _iso_time(text: str) -> datetime:
    before = _LEAP_SECOND.sub(r"\g<1>59", text, count=1)
    time = datetime.fromisoformat(before)
    return time if before == text else time + timedelta(seconds=1)


def _delay(value: object) -> timedelta:
    if isinstance(value, str):
        delay = parse_duration(value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
        delay = timedelta(seconds=value)
    else:
        raise ValueError('must be seconds, such as 90, or a duration, such as "90s"')
    if delay > _MAX_DELAY:
        raise ValueError("must be at most a year")
    return delay


def _object(value: object) -> JsonObject:
    """An object, or the empty list that PHP makes of an empty one."""
    if isinstance(value, dict):
        return value
    if value == [] and isinstance(value, list):
        return {}
    raise ValueError("must be an object")


def _headers(value: object) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, text in _object(value).items():
        if not isinstance(text, str | None):
            raise ValueError(f"{name[:80]} must be a string")  # noqa: TRY004
        if found := extra_header_fault(name, text or ""):
            raise ValueError(f"{name[:80]} {found}")
        if text is not None:
            headers[name] = text
    return headers


def _content(value: object) -> bytes:
    """Base64 in any of its usual forms: in lines, without padding, URL-safe."""
    text = text_of(value)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        pass
    plain = _BASE64_SPACE.sub("", text).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise ValueError("must be base64") from None


def _filename_fault(name: str) -> str | None:
    return header_fault(name) if name else "must not be empty"


def _content_type(value: object) -> str:
    text = text_of(value)
    MediaType.parse(text)
    return text


def _content_id(value: object) -> str:
    match = _CONTENT_ID.fullmatch(text_of(value))
    if match is None:
        raise ValueError("must be a name such as logo, which an image has as cid:logo")
    return match["id"]


class WireAttachment(BaseModel):
    """A file, by its bytes or by a path in the worker's attachments folder."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    filename: Annotated[str, PlainValidator(_checked(_filename_fault, _FILENAME))]
    content_type: Annotated[str | None, PlainValidator(_content_type)] = None
    content: Annotated[bytes | None, PlainValidator(_content)] = None
    path: Annotated[str | None, PlainValidator(text_of)] = None
    content_id: Annotated[str | None, PlainValidator(_content_id)] = None

    @model_validator(mode="before")
    @classmethod
    def _null_means_not_given(cls, value: object) -> object:
        return (
            {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
        )

    @model_validator(mode="after")
    def _one_source(self) -> "WireAttachment":
        if (self.content is None) == (self.path is None):
            raise ValueError("needs either content or path")
        return self

    def to_domain(self) -> Attachment:
        """The content type is guessed from the file name where the producer gave none."""
        # "./": a name such as "data:x,y" is no URL. A packed file is not of its content's type.
        guessed, packed = mimetypes.guess_type("./" + self.filename)
        return Attachment(
            filename=self.filename,
            content_type=self.content_type
            or (not packed and guessed)
            or "application/octet-stream",
            content=self.content,
            path=self.path,
            content_id=self.content_id,
        )


class WireMessage(BaseModel):
    """One message as producers write it. Only `to` and `template` are required.

    To be validated with a Reading as the context. `to` is by channel.
    """

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    channel: Annotated[str | None, PlainValidator(channel_name)] = None
    channels: Annotated[tuple[str, ...], PlainValidator(named_channels)] = ()
    fallback: Annotated[tuple[str, ...], PlainValidator(named_channels)] = ()
    to: Annotated[Mapping[str, tuple[Recipient, ...]], PlainValidator(by_channel)]
    template: Annotated[str, PlainValidator(_checked(template_name_fault, TEMPLATE_NAME))]
    id: Annotated[str | None, PlainValidator(_checked(_id_fault, _USUAL_ID))] = None
    sender: Annotated[Recipient | None, Field(alias="from"), PlainValidator(optional_recipient)] = (
        None
    )
    reply_to: Annotated[tuple[Recipient, ...], PlainValidator(optional_recipients)] = ()
    cc: Annotated[tuple[Recipient, ...], PlainValidator(optional_recipients)] = ()
    bcc: Annotated[tuple[Recipient, ...], PlainValidator(optional_recipients)] = ()
    subject: Annotated[str | None, PlainValidator(_checked(header_fault, _ONE_LINE))] = None
    parameters: Annotated[JsonObject, PlainValidator(_object), Field(default_factory=dict)]
    individually: StrictBool = False
    locale: Annotated[str | None, PlainValidator(language_tag)] = None
    timezone: Annotated[str | None, PlainValidator(timezone_name)] = None
    send_at: Annotated[datetime | None, PlainValidator(_time)] = None
    delay: Annotated[timedelta | None, PlainValidator(_delay)] = None
    expires_at: Annotated[datetime | None, PlainValidator(_time)] = None
    priority: Annotated[int | None, Field(strict=True, ge=0, le=255)] = None
    # fail_fast: a million bad items would cost a gigabyte of faults
    attachments: Annotated[tuple[WireAttachment, ...], Field(fail_fast=True)] = ()
    envelope_from: Annotated[Recipient | None, PlainValidator(optional_recipient)] = None
    headers: Annotated[dict[str, str], PlainValidator(_headers), Field(default_factory=dict)]
    metadata: Annotated[JsonObject, PlainValidator(_object), Field(default_factory=dict)]
