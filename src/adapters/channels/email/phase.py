"""Which part of an SMTP conversation a reply belongs to."""

from enum import StrEnum


class Phase(StrEnum):
    """Which command was answered. The value names it in an error."""

    GREETING = "the connection"
    SENDER = "MAIL"
    RECIPIENT = "RCPT"
    DATA = "DATA"
    FINAL = "the mail"
