"""The channel `carrier`: text messages to telephones, by a carrier's HTTP interface."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from adapters.channels.channel import Channel, ChannelContext
from adapters.channels.setting_spec import SettingFault, check_secrets, secret, setting
from adapters.secret import Secret, checked, now
from adapters.setting_values import check_http_url
from adapters.template_parts import NO_ESCAPING, ChannelParts, TemplatePart
from adapters.urls import without_path
from domain.errors import FailureReason, Permanent
from domain.value_object import value_object

if TYPE_CHECKING:
    from faker import Faker

    from adapters.channels.carrier.notifier import CarrierNotifier

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164


@value_object(kw_only=True)
class CarrierSettings:
    """What an operator sets for the channel."""

    url: Secret | None = secret(shown=without_path)
    token: Secret | None = secret()
    sender: str | None = setting(name="from")


def _faults(settings: CarrierSettings, *, is_production: bool) -> Iterable[SettingFault]:
    yield from check_secrets(settings, url=check_http_url)
    if settings.url is not None and settings.token is None:
        yield SettingFault("token", "must be set as well: the carrier wants one")


def _make(settings: CarrierSettings, _context: ChannelContext) -> "CarrierNotifier":
    from adapters.channels.carrier.notifier import CarrierNotifier

    url = checked(settings.url, check_http_url)
    return CarrierNotifier(
        url=lambda: now(url) or "",
        token=lambda: now(settings.token) or "",
        sender=settings.sender or "",
    )


def check_number(address: str, _settings: CarrierSettings | None = None) -> None:
    """Raise Permanent for what is no telephone number."""
    if not _NUMBER.fullmatch(address):
        raise Permanent(
            "carrier: the recipient is not a telephone number such as +390612345678",
            reason=FailureReason.RECIPIENT_INVALID,
        )


def _fake_number(fake: "Faker", _settings: CarrierSettings) -> str:
    return f"+1555{fake.random_int(1_000_000, 9_999_999)}"


CHANNEL = Channel(
    name="carrier",
    title="Text messages",
    settings=CarrierSettings,
    outlets=("url",),
    make=_make,
    has_queue=True,
    faults=_faults,
    check_address=check_number,
    example="+15550001234",
    fake_address=_fake_number,
    parts=ChannelParts(own=(TemplatePart(name="carrier", escaping=NO_ESCAPING),)),
    carries_subject=False,
)
