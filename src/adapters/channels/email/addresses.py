"""Which texts are mail addresses, and how each is written on the wire."""

import re
from dataclasses import dataclass
from functools import lru_cache

import email_validator

from domain.errors import FailureReason, Permanent

# RFC 2606 and RFC 6762 reserve these for private use and testing: the mailboxes of a development
# machine. The library refuses them unless they are taken off its list (its documented switch).
_PRIVATE_DOMAINS = ("test", "local", "localhost")
_ORDINARY_LOCAL_PART = re.compile(r"[\w+-]+(?:\.[\w+-]+)*", re.ASCII)
# Some mobile carriers gave out local parts with dots where RFC 5322 3.2.3 has none: `a..b`, `a.`.
# As a quoted string they are valid (RFC 5321 4.1.2).
_STRAY_DOTS = re.compile(r"(?=\.|.*\.\.|.*\.\Z)[^\s\"\\@<>(),;:\[\]]+")
_LONGEST_LOCAL_PART = 64  # RFC 5321 4.5.3.1.1
_LONGEST_ADDRESS = 254  # RFC 3696 erratum 1690


class InvalidAddress(ValueError):
    """Not a mail address; the message says why."""


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """A valid address: `wire` is its form in the envelope and in headers, `domain` in A-labels.

    `wire` is ASCII unless `needs_smtputf8` (RFC 6531), when its local part is not.
    """

    wire: str
    domain: str
    needs_smtputf8: bool


@lru_cache(maxsize=1024)  # a sender recurs from mail to mail, an address within its own
def parse_address(text: str) -> EmailAddress:
    """Check the syntax of one address; no name server is asked. Raises InvalidAddress."""
    return _ordinary(text) or _with_stray_dots(text) or _validated(text)


def _ordinary(text: str) -> EmailAddress | None:
    """The way of most addresses: domains recur where mailboxes do not, and a whole check costs a
    third of a whole mail. None: only the whole check can decide."""
    local, _, domain = text.rpartition("@")
    if len(local) > _LONGEST_LOCAL_PART or not _ORDINARY_LOCAL_PART.fullmatch(local):
        return None
    try:
        domain = _validated(f"anybody@{domain}").domain
    except InvalidAddress:
        return None  # the whole check words the fault
    wire = f"{local}@{domain}"
    return (
        EmailAddress(wire, domain, needs_smtputf8=False) if len(wire) <= _LONGEST_ADDRESS else None
    )


def _with_stray_dots(text: str) -> EmailAddress | None:
    local, at, domain = text.rpartition("@")
    if len(local) > _LONGEST_LOCAL_PART or not _STRAY_DOTS.fullmatch(local):
        return None
    try:
        return _validated(f'"{local}"{at}{domain}')
    except InvalidAddress:
        return None  # the whole check words the fault


@lru_cache(maxsize=4096)
def _validated(text: str) -> EmailAddress:
    _allow_private_domains()
    try:
        valid = email_validator.validate_email(
            text,
            check_deliverability=False,
            globally_deliverable=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
            strict=True,  # also refuse a local part longer than a server need take
        )
    except email_validator.EmailNotValidError as error:
        raise InvalidAddress(f"{text[:200]!r} is not an address: {error}") from None
    wire = valid.ascii_email or f"{valid.local_part}@{valid.ascii_domain}"
    return EmailAddress(wire, valid.ascii_domain, needs_smtputf8=not wire.isascii())


@lru_cache(maxsize=1)
def _allow_private_domains() -> None:
    reserved = email_validator.SPECIAL_USE_DOMAIN_NAMES
    reserved[:] = [name for name in reserved if name not in _PRIVATE_DOMAINS]


def not_carried(server: str, address: str, reason: FailureReason) -> Permanent:
    """The error of an address, or a field with one, that needs SMTPUTF8 where it is not offered."""
    return Permanent(f"{address}: {needs_extension(server)}", reason=reason)


def needs_extension(server: str) -> str:
    """Why `server` cannot carry an address."""
    return f"not ASCII before the @, and {server} does not offer SMTPUTF8, which would carry it"
