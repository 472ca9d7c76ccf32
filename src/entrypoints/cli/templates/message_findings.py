"""What is wrong with a stored message, as `templates lint` reports it."""

from adapters.templates.lint import Severity
from domain.value_object import value_object
from entrypoints.cli.templates.stored_messages import StoredFault, StoredMessage

WHOLE = ""
"""The field of what is wrong with the whole message."""


@value_object(kw_only=True)
class MessageFinding:
    """What is wrong with a stored message. `file` and `line` are where it begins, `field` is its
    path from there; `template_file` and `template_line` are where the template needs it. `text`
    begins with the field."""

    template: str
    file: str
    line: int | None
    severity: Severity
    text: str
    field: str = WHOLE
    template_file: str | None = None
    template_line: int | None = None


def of_file(fault: StoredFault) -> MessageFinding:
    """What is wrong with a file."""
    severity: Severity = "error" if fault.is_error else "warning"
    return MessageFinding(
        template="", file=fault.file, line=fault.line, severity=severity, text=fault.text
    )


def in_order(one: MessageFinding) -> tuple[object, ...]:
    """The key by which those of one message are sorted."""
    return (one.field, one.template_file or "", one.template_line or 0, one.text)


def finding(
    message: StoredMessage, template: str, field: str, text: str, severity: Severity = "error"
) -> MessageFinding:
    """What is wrong with a field of a message, by its path from the message."""
    path = field if message.item is None else f"[{message.item}].{field}".rstrip(".")
    return MessageFinding(
        template=template,
        file=message.file,
        line=message.line,
        severity=severity,
        text=f"{path}: {text}" if path else text,
        field=path,
    )
