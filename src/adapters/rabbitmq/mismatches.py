"""What differs between the broker's objects and ours, in words on one line."""

import re

_INEQUIVALENT = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)'.*?"
    r"received (?:the value )?(?P<ours>'[^']*'|none)"
    r".*?current is (?:the value )?(?P<theirs>'[^']*'|none)"
)


def unequal(text: str) -> tuple[str, str]:
    """The first argument that differs, and what it is there, from the broker's 406 text."""
    found = _INEQUIVALENT.search(text)
    return (found["argument"], found["theirs"].strip("'")) if found else ("", "")


def mismatch(what: str, text: str) -> str:
    """One line that says what differs and what can be done, from the broker's 406 text."""
    found = _INEQUIVALENT.search(text)  # the first argument that differs, and no second
    if found is None:  # it says something else, or was cut short
        return f"{what} differs: {text}"
    remedy = "delete it, and it is created again"
    if what.startswith("queue "):
        remedy = (
            "adopt it (DISPATCHER_TOPOLOGY=adopt), state its arguments "
            "(DISPATCHER_QUEUE_ARGUMENTS), or delete it once it is empty"
        )
    argument, theirs, ours = (found[name].strip("'") for name in ("argument", "theirs", "ours"))
    if (argument, theirs) == ("x-queue-type", "stream"):
        return a_stream(what.removeprefix("queue "))
    return f"{what} has {argument}={theirs}, ours is {argument}={ours}: {remedy}"


def a_stream(queue: str) -> str:
    """One line that says why a stream cannot be a work queue."""
    return (
        f"queue {queue} is a stream: what is published while no worker runs would never be"
        " delivered; use a quorum or classic queue, or name another in DISPATCHER_QUEUES"
    )
