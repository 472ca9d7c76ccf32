"""Messages read by the rules of the channels that there are."""

from dataclasses import replace
from typing import Any

from adapters.message_format import message
from adapters.message_format.message import DecodedMessage
from adapters.message_format.rules import MessageRules
from entrypoints.settings import Settings
from entrypoints.stores import message_rules

RULES = message_rules(Settings())


def rules(max_body: int) -> MessageRules:
    """What a message may hold where its body is limited to so many bytes."""
    return replace(RULES, max_body=max_body)


def decode(body: bytes, *, max_body: int = RULES.max_body, **more: Any) -> DecodedMessage:
    """`more`: as `message.decode` has them."""
    return message.decode(body, rules=rules(max_body), **more)
