"""Whether a relay takes mail from us, asked as far as that is possible without a mail."""

from adapters.channels.email.addresses import not_carried, parse_address
from adapters.channels.email.limits import Phase
from adapters.channels.email.session import FAREWELL, Session
from adapters.channels.email.verdicts import verdict
from domain.errors import DeliveryError, FailureReason, Unavailable
from domain.notification import one_recipient


async def refusal_of_sender(
    session: Session, sender: str | None, timeout: float
) -> DeliveryError | None:
    """Name `sender`, `Name <address>` or an address, as the sender of a mail, and begin none. None
    asks with the empty sender, that of a bounce. Returns what a refusal means; None: it is taken.

    `timeout` is in seconds.
    """
    wire = parameters = ""
    if sender is not None:
        address = parse_address(one_recipient(sender).address)
        wire = address.wire
        if address.needs_smtputf8:
            if "smtputf8" not in session.extensions:
                return not_carried(session.server, wire, FailureReason.SENDER_REFUSED)
            parameters = " SMTPUTF8"
    session.write(f"MAIL FROM:<{wire}>{parameters}\r\n".encode())
    replies = await session.replies(1, timeout)
    if not replies or replies[0].code == FAREWELL:
        return Unavailable(f"{session.server}: {session.lost} after MAIL", safe_to_repeat=True)
    if not replies[0].accepted:
        return verdict(replies[0], Phase.SENDER, session.server)
    session.write(b"RSET\r\n")
    await session.replies(1, timeout)
    return None
