"""The AsyncAPI 3.0 document: the messages that Dispatcher takes, and the events that it publishes
(https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""

from typing import Any

from adapters.message_format.json_schema import message_schema
from adapters.observers.event_schema import event_schema
from adapters.observers.outcome_events import CONTENT_TYPE, DEAD_LETTERED, DEFERRED, SENT
from adapters.rabbitmq.settings import DEFAULT_KIND, EVENTS_KIND, EXCHANGE
from entrypoints.release import VERSION
from entrypoints.settings import Settings

EVENTS_EXCHANGE = "dispatcher.events"
"""The exchange of the events in the document; `DISPATCHER_EVENTS` names the real one."""

_BINDING = "0.3.0"
_OUTCOMES = {
    SENT: "The provider has accepted the message.",
    DEFERRED: "It is not sent yet and will be tried again.",
    DEAD_LETTERED: "It is in the dead letter queue, until a person decides.",
}


def asyncapi_document() -> dict[str, Any]:
    """The document as a JSON object, for the queues of the default settings."""
    queues = dict(Settings().queues)
    schema = message_schema()
    definitions = schema.pop("$defs")
    del schema["$schema"]  # these words mean the same in AsyncAPI's own
    schemas = {"notification": schema, **definitions}
    schemas["suppression"] = _suppression_schema()
    schemas |= {kind: event_schema(kind) for kind in _OUTCOMES}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dispatcher",
            "version": VERSION,
            "description": "Turns JSON messages on RabbitMQ into rendered notifications, and"
            " publishes what became of each. The queues are those of the default settings; an"
            " operator may name others.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {
            **{channel: _queue(channel, queue) for channel, queue in queues.items()},
            "exchange": _exchange(sorted(queues.values())),
            "suppress": _suppress(sorted(queues.values())),
            "outcomes": _outcomes(sorted(queues)),
        },
        "operations": _operations(queues),
        "components": {
            "messages": {
                "notification": _notification(),
                "suppression": _suppression(),
                **_events(),
            },
            "schemas": _with_references(schemas),
        },
    }


def _queue(channel: str, queue: str) -> dict[str, Any]:
    return {
        "address": queue,
        "title": f"Messages for {channel}",
        "messages": {"notification": _reference("components/messages/notification")},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {
                    "name": queue,
                    "durable": True,
                    "exclusive": False,
                    "autoDelete": False,
                    "vhost": "/",
                },
                "bindingVersion": _BINDING,
            }
        },
    }


def _exchange(queues: list[str]) -> dict[str, Any]:
    return {
        "address": "{queue}",
        "title": "The same messages, published to an exchange",
        "description": "The routing key is the name of the queue.",
        "parameters": {"queue": {"enum": queues}},
        "messages": {"notification": _reference("components/messages/notification")},
        "bindings": {"amqp": _routed(EXCHANGE, DEFAULT_KIND)},
    }


def _suppress(queues: list[str]) -> dict[str, Any]:
    return {
        "address": "{queue}.suppress",
        "title": "Addresses that must get nothing more",
        "description": "Only with DISPATCHER_SUPPRESSIONS. The routing key is the queue's name with"
        " .suppress.",
        "parameters": {"queue": {"enum": queues}},
        "messages": {"suppression": _reference("components/messages/suppression")},
        "bindings": {"amqp": _routed(EXCHANGE, DEFAULT_KIND)},
    }


def _outcomes(channels: list[str]) -> dict[str, Any]:
    return {
        "address": "{channel}.{outcome}",
        "title": "What became of each message",
        "description": "Only with DISPATCHER_EVENTS, which names the exchange.",
        "parameters": {
            "channel": {"description": "Whose queue or message it is.", "examples": channels},
            "outcome": {"enum": list(_OUTCOMES)},
        },
        "messages": {kind: _reference(f"components/messages/{kind}") for kind in _OUTCOMES},
        "bindings": {"amqp": _routed(EVENTS_EXCHANGE, EVENTS_KIND)},
    }


def _routed(exchange: str, kind: str) -> dict[str, Any]:
    about = {"name": exchange, "type": kind, "durable": True, "autoDelete": False, "vhost": "/"}
    return {"is": "routingKey", "exchange": about, "bindingVersion": _BINDING}


def _operations(queues: dict[str, str]) -> dict[str, Any]:
    taken = {**dict.fromkeys((*queues, "exchange"), "notification"), "suppress": "suppression"}
    received = {
        f"receive_{name}": {
            "action": "receive",
            "channel": _reference(f"channels/{name}"),
            "messages": [_reference(f"channels/{name}/messages/{message}")],
            "bindings": {"amqp": {"ack": True, "bindingVersion": _BINDING}},
        }
        for name, message in taken.items()
    }
    published = {
        "action": "send",
        "channel": _reference("channels/outcomes"),
        "messages": [_reference(f"channels/outcomes/messages/{kind}") for kind in _OUTCOMES],
        "bindings": {"amqp": {"deliveryMode": 2, "mandatory": False, "bindingVersion": _BINDING}},
    }
    return {**received, "publish_outcome": published}


def _notification() -> dict[str, Any]:
    return {
        "title": "A notification to send",
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {
                "traceparent": {
                    "description": "W3C Trace Context; it is passed on.",
                    "type": "string",
                }
            },
        },
        "payload": _reference("components/schemas/notification"),
        "examples": [
            {
                "name": "welcome",
                "payload": {
                    "to": "ann@example.com",
                    "from": "Shop <shop@example.com>",
                    "template": "welcome",
                    "parameters": {"name": "Ann"},
                },
            }
        ],
    }


def _suppression() -> dict[str, Any]:
    example = {"address": "ann@example.com", "reason": "550 5.1.1 no such user"}
    return {
        "title": "An address to suppress",
        "contentType": "application/json",
        "payload": _reference("components/schemas/suppression"),
        "examples": [{"name": "bounce", "payload": example}],
    }


def _suppression_schema() -> dict[str, Any]:
    """What `adapters.inbound.suppress` takes."""
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["address"],
        "properties": {
            "address": {"type": ["string", "integer"], "description": "A number: a chat's id."},
            "reason": {"type": ["string", "number"], "description": "Why; dead letters have it."},
            "channel": {**text, "description": "If it is missing, the channel of the queue."},
            "date": {**text, "description": "Since when, as 2026-01-31; today if it is missing."},
        },
    }


def _events() -> dict[str, Any]:
    return {
        kind: {
            "title": text,
            "contentType": CONTENT_TYPE,
            "correlationId": {"location": "$message.payload#/correlationid"},
            "payload": _reference(f"components/schemas/{kind}"),
        }
        for kind, text in _OUTCOMES.items()
    }


def _reference(path: str) -> dict[str, str]:
    return {"$ref": f"#/{path}"}


def _with_references(schema: Any) -> Any:
    """The schema with its references to where the document has what they name."""
    if isinstance(schema, list):
        return [_with_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {name: _with_references(item) for name, item in schema.items()}
    if isinstance(name := changed.get("$ref"), str):
        changed["$ref"] = name.replace("#/$defs/", "#/components/schemas/")
    return changed
