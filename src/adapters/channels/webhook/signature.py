"""Signed requests as Standard Webhooks 1.0.0 has them, section "Signature scheme"."""

import base64
import hashlib
import hmac
import time

SECRET = "DISPATCHER_WEBHOOK_SECRET"  # noqa: S105 - the variable's name

_PREFIX = "whsec_"


def signed_headers(key: bytes, about: tuple[str, str], body: bytes) -> dict[str, str]:
    """The headers that let a receiver trust `body`, read its age and know it again. `about`: what
    makes a message one, a notification's id and the recipient's address."""
    message_id = webhook_id(*about)
    timestamp = str(int(time.time()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(key, message_id, timestamp, body),
    }


def webhook_id(notification_id: str, address: str) -> str:
    """The receiver's idempotency key: the same at every try, without the `.` that the signed text
    is joined with."""
    return "msg_" + hashlib.sha256(f"{notification_id}\0{address}".encode()).hexdigest()[:32]


def signing_key(secret: str) -> bytes:
    """The bytes to sign with: base64 after `whsec_`, else the text itself.

    Raises ValueError, naming the variable.
    """
    if not secret.startswith(_PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except ValueError:
            raise ValueError(f"{SECRET}: what follows {_PREFIX} must be base64") from None
    if not key:
        raise ValueError(f"{SECRET}: must not be empty")
    return key


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """The header's value for one key."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
