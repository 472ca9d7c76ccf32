"""`dispatcher templates lint --messages`: whether stored messages still fit their templates, judged
by the worker's own code: the message format first, then a rendering for each channel."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from adapters.channels import CHANNELS, DEFAULT
from adapters.message_format.body import loads_object
from adapters.message_format.message import DecodedMessage, decode
from adapters.templates import FilesystemTemplates, TemplateSetBroken
from adapters.templates.examples import ExampleBroken
from adapters.templates.failures import RenderFailure
from adapters.templates.inspection import examples_of, list_templates
from adapters.templates.lint import Severity
from adapters.templates.message_fields import blamed_field, with_value
from domain.errors import FailureReason, MalformedMessage, Permanent
from domain.notification import JsonValue, Notification
from domain.ports import RenderRequest
from entrypoints.cli.templates.message_findings import (
    WHOLE,
    MessageFinding,
    finding,
    in_order,
    of_file,
)
from entrypoints.cli.templates.stored_messages import StoredFault, StoredMessage, stored_messages
from entrypoints.container import render_options, templates_folder
from entrypoints.settings import Settings
from entrypoints.stores import message_rules

_NAMING_CHANNELS = ("channel", "channels", "fallback")
_MOST_FAULTS = 50  # of one rendering
_NAMED = re.compile(r"([A-Za-z_][\w.\[\]-]*): (.*)", re.DOTALL)


def message_findings(
    source: str, settings: Settings, channel: str | None, now: datetime
) -> tuple[list[MessageFinding], int]:
    """All that is wrong, in order, and how many messages there are. `channel`: of a message that
    names no channel; None: one that its template serves."""
    try:
        linter = MessageLinter(settings, channel, now)
    except TemplateSetBroken:
        return [], 0  # which is a finding about the templates
    found: list[MessageFinding] = []
    count = 0
    for stored in stored_messages(source):
        if isinstance(stored, StoredFault):
            found.append(of_file(stored))
        else:
            count += 1
            found += sorted(linter.findings(stored), key=in_order)
    if not count and not any(one.severity == "error" for one in found):
        found.append(of_file(StoredFault(file=source, text="has no message to check")))
    return list(dict.fromkeys(found)), count


class MessageLinter:
    """Judges one message after the other with the templates as they are now, in strict mode."""

    def __init__(self, settings: Settings, channel: str | None, now: datetime) -> None:
        """Raises SettingsInvalid, and TemplateSetBroken where the folder cannot be read."""
        options = replace(render_options(settings), lenient=False)
        root = templates_folder(settings)
        self._templates = FilesystemTemplates(root, options=options, allow_broken=True)
        self._served = {one.name: one.channels for one in list_templates(self._templates.snapshot)}
        self._settings = settings
        self._rules = message_rules(settings)
        self._channel = channel
        self._now = now
        # Where the worker is lenient, it sends what lacks a variable.
        self._undefined: Severity = (
            "warning" if settings.templates_undefined == "lenient" else "error"
        )

    def findings(self, message: StoredMessage) -> Iterator[MessageFinding]:
        """All that is wrong with a message."""
        fields: Mapping[str, JsonValue] = {}
        try:
            fields = loads_object(message.body)
            channel = self._channel or self._usual_channel(fields)
            decoded = decode(message.body, channel=channel, rules=self._rules)
        except MalformedMessage as error:
            for fault in error.faults:
                named = _NAMED.fullmatch(fault)
                field, text = named.groups() if named else (WHOLE, fault)
                yield finding(message, str(fields.get("template") or ""), field, text)
            return
        template = decoded.notifications[0].template
        for unknown, known in decoded.meant.items():
            text = f"is no field of a message; did you mean {known!r}?"
            yield finding(message, template, unknown, text, "warning")
        naming = next((name for name in _NAMING_CHANNELS if fields.get(name)), "template")
        for notification in decoded.notifications:
            yield from self._of_addresses(message, decoded, notification)
            yield from self._of_rendering(message, notification, naming)

    def _usual_channel(self, fields: Mapping[str, JsonValue]) -> str:
        served = self._served.get(str(fields.get("template")), ())
        return DEFAULT.name if DEFAULT.name in served or not served else served[0]

    def _of_addresses(
        self, message: StoredMessage, decoded: DecodedMessage, notification: Notification
    ) -> Iterator[MessageFinding]:
        channel = CHANNELS.get(notification.channel)
        if channel is None:
            return
        own = self._settings.channel_settings[channel.name]
        to = f"to.{channel.name}" if decoded.is_multiple else "to"
        fields = ((to, notification.to), ("cc", notification.cc), ("bcc", notification.bcc))
        for field, recipients in fields:
            for recipient in recipients:
                if fault := channel.address_fault(recipient.address, own):
                    yield finding(message, notification.template, field, fault)

    def _of_rendering(
        self, message: StoredMessage, notification: Notification, naming: str
    ) -> Iterator[MessageFinding]:
        name, template = notification.channel, notification.template
        channel = CHANNELS.get(name)
        if channel is None:
            text = f"there is no channel {name!r}; there are {', '.join(CHANNELS)}"
            yield finding(message, template, naming, text)
            return
        is_subject_missing = False
        for request in _requests(notification, self._now, one_by_one=not channel.carries_copies):
            try:
                content = self._templates.render(request)
            except Permanent as failure:
                yield from self._of_failure(message, request, failure, naming)
            else:
                is_subject_missing |= channel.parts.needs_subject and not content.subject
        if is_subject_missing:
            text = "the message gives no subject, and the template has none"
            yield finding(message, template, "subject", text, "warning")

    def _of_failure(
        self, message: StoredMessage, request: RenderRequest, failure: Permanent, naming: str
    ) -> Iterator[MessageFinding]:
        """The failure, and those behind it: the field at fault gets the value that an example has
        there, and the rendering goes on."""
        snapshot, template = self._templates.snapshot, request.template
        blamed: list[str] = []
        is_made_up = False
        for _ in range(_MOST_FAULTS):
            if not isinstance(failure, RenderFailure):
                field = naming if template in snapshot.templates else "template"
                yield finding(message, template, field, str(failure))
                return
            field, is_certain = blamed_field(failure, snapshot, template, request.parameters)
            if any(_is_within(field, one) for one in blamed) or (is_made_up and not is_certain):
                return  # it follows from what was put there
            blamed.append(field)
            yield self._failed(message, template, field, failure)
            repaired = with_value(request.parameters, field, self._examples(template))
            if repaired is None:
                return
            parameters, is_from_example = repaired
            is_made_up |= not is_from_example
            request = replace(request, parameters=parameters)
            if (later := self._failure_of(request)) is None:
                return
            failure = later

    def _failed(
        self, message: StoredMessage, template: str, field: str, failure: RenderFailure
    ) -> MessageFinding:
        is_undefined = failure.reason is FailureReason.TEMPLATE_UNDEFINED
        severity = self._undefined if is_undefined else "error"
        place = failure.place
        return replace(
            finding(message, template, field, str(failure), severity),
            template_file=place.path if place else None,
            template_line=place.line if place else None,
        )

    def _failure_of(self, request: RenderRequest) -> Permanent | None:
        try:
            self._templates.render(request)
        except Permanent as failure:
            return failure
        return None

    def _examples(self, template: str) -> list[Mapping[str, JsonValue]]:
        try:
            return [one.parameters for one in examples_of(self._templates.snapshot, template)]
        except ExampleBroken:
            return []  # which is a finding of its own


def _requests(
    notification: Notification, now: datetime, *, one_by_one: bool
) -> Iterator[RenderRequest]:
    """What a worker would render: for each recipient alone, or once for all."""
    addresses: list[str | None] = [one.address for one in notification.recipients]
    if len(addresses) > 1 and not (one_by_one or notification.individually):
        addresses = [None]
    for address in addresses:
        yield RenderRequest(
            template=notification.template,
            channel=notification.channel,
            parameters=notification.parameters,
            subject=notification.subject,
            recipient=address,
            locale=notification.locale,
            timezone=notification.timezone,
            now=now,
        )


def _is_within(field: str, other: str) -> bool:
    return field == other or field.startswith((f"{other}.", f"{other}["))
