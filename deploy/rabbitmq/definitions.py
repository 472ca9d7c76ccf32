"""Make RabbitMQ's definitions from the topology, with users of least rights:

dispatcher topology show --json | python3 deploy/rabbitmq/definitions.py > definitions.json
"""

import json
import re
import sys

QUEUE = "queue"
VHOST = "/"


def definitions(topology: list[dict[str, object]]) -> dict[str, object]:
    """`topology` is what `dispatcher topology show --json` prints."""
    queues = [entry for entry in topology if entry["kind"] == QUEUE]
    exchanges = [entry for entry in topology if entry["kind"] == "exchange"]
    work = sorted(
        name for name in map(str, (q["name"] for q in queues)) if "." not in name
    )  # retry and dead queues have a dot
    queue_rights = f"({'|'.join(map(re.escape, work))})(\\..*)?"
    ours = f"^(dispatcher|{queue_rights})$"
    # No queue of ours is bound to the exchange of DISPATCHER_EVENTS: workers only write to it.
    bound = {str(e["name"]).partition(":")[0] for e in topology if e["kind"] == "binding"}
    events = sorted(re.escape(name) for e in exchanges if (name := str(e["name"])) not in bound)
    written = f"^({'|'.join(['dispatcher', *events])}|{queue_rights})$"
    return {
        "users": [
            user("dispatcher"),
            user("dispatcher-setup"),
            user("producer"),
        ],
        "vhosts": [{"name": VHOST}],
        "permissions": [
            permission("dispatcher", "^$", written, ours),
            permission("dispatcher-setup", written, written, ours),
            permission("producer", "^$", "^dispatcher$", "^$"),
        ],
        "policies": [],
        "exchanges": [
            {"name": e["name"], "vhost": VHOST, "auto_delete": False, "internal": False}
            | {"arguments": {}}
            | dict(e["arguments"])  # type: ignore[call-overload]
            for e in exchanges
        ],
        "queues": [
            {"name": q["name"], "vhost": VHOST, "durable": True, "auto_delete": False}
            | {"arguments": q["arguments"]}
            for q in queues
        ],
        "bindings": [binding(str(e["name"])) for e in topology if e["kind"] == "binding"],
    }


def user(name: str) -> dict[str, object]:
    """Make a user without a password: it cannot sign in until `rabbitmqctl change_password`."""
    return {"name": name, "password_hash": "", "tags": []}


def permission(user: str, configure: str, write: str, read: str) -> dict[str, object]:
    """Let a user do what the three patterns of names say."""
    rights = {"configure": configure, "write": write, "read": read}
    return {"user": user, "vhost": VHOST, **rights}


def binding(name: str) -> dict[str, object]:
    """`name` is `exchange:routing_key=queue`."""
    source, _, rest = name.partition(":")
    key, _, queue = rest.rpartition("=")
    return {
        "source": source,
        "vhost": VHOST,
        "destination": queue,
        "destination_type": QUEUE,
        "routing_key": key,
        "arguments": {},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(definitions(json.load(sys.stdin)), indent=1) + "\n")
