"""Hundreds of mails through a server that fails at random: no answer contradicts its log."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from adapters.channels.email.bounds import PoolLimits
from adapters.channels.email.smtp import SmtpNotifier
from adapters.channels.email.url import Security, SmtpSettings
from adapters.channels.shared.blips import BlipTolerantNotifier
from domain.content import Content
from domain.errors import DeliveryError, InDoubt, Unavailable
from tests.fakes import a_notification
from tests.support.certificates import throwaway_certificate
from tests.support.smtp_sending import BOTH, CONTENT, PATIENT, send
from tests.support.smtp_server import Action, Cut, CutAfter, Say, SmtpServer

MAILS = 300
FAULTS: list[tuple[str, Action]] = [
    ("connect", Cut()),
    ("connect", Say("421 4.3.2 busy")),
    ("helo", Cut()),
    ("mail", Say("451 4.3.0 busy")),
    ("mail", Say("550 5.7.1 no")),
    ("mail", Cut()),
    ("rcpt", Say("550 5.1.1 no")),
    ("rcpt", Say("450 4.2.0 later")),
    ("rcpt", Cut("421 4.4.2 bye")),
    ("data", Say("451 4.3.0 busy")),
    ("data", Cut()),
    ("payload", CutAfter(30)),
    ("dot", Say("554 5.6.0 spam")),
    ("dot", Say("451 4.3.0 busy")),
    ("dot", Cut()),
    ("dot", Cut("421 4.3.2 bye")),
    ("rset", Say("500 what")),
    ("rset", Cut()),
]


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_every_answer_agrees_with_the_servers_log(extensions: tuple[str, ...], seed: int) -> None:
    chance = random.Random(seed)
    server = SmtpServer(extensions=extensions)

    async def one(notifier: BlipTolerantNotifier, number: int) -> dict[str, DeliveryError | None]:
        if chance.random() < 0.3:
            server.on(*chance.choice(FAULTS), times=1)
        if chance.random() < 0.02:
            server.drop_connections()
        addresses = [f"user{number}.{n}@example.com" for n in range(chance.choice((1, 1, 3)))]
        notification = a_notification(to=addresses)
        try:
            answers = await notifier.notify(notification, CONTENT, notification.recipients)
        except DeliveryError as error:
            return dict.fromkeys(addresses, error)
        return {recipient.address: answer for recipient, answer in answers.items()}

    async def main() -> dict[str, DeliveryError | None]:
        found: dict[str, DeliveryError | None] = {}
        async with server:
            smtp = SmtpNotifier(
                SmtpSettings(host="127.0.0.1", port=server.port),
                limits=PoolLimits(size=5, mails=20),
                timeouts=PATIENT,
            )
            notifier = BlipTolerantNotifier(smtp, first_wait=0.005)
            for start in range(0, MAILS, 20):
                batch = [one(notifier, number) for number in range(start, start + 20)]
                for answers in await asyncio.gather(*batch):
                    found |= answers
            await notifier.close()
        return found

    answers = asyncio.run(main())

    accepted = Counter(server.deliveries)
    in_doubt = {address for address, error in answers.items() if isinstance(error, InDoubt)}
    sent = {address for address, error in answers.items() if error is None}
    assert set(accepted) - in_doubt == sent
    assert max(accepted.values()) == 1
    assert len({type(error) for error in answers.values()}) >= 4, "the faults came to pass"


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_big_mails_pass_over_tls_one_after_the_other(tmp_path: Path, security: Security) -> None:
    certificate = throwaway_certificate(tmp_path)
    context = certificate.server_context
    tls = security is Security.TLS
    server = SmtpServer(tls=context) if tls else SmtpServer(starttls=context)
    text = "".join(f"{number}\n.\n" for number in range(200_000))

    async def main() -> None:
        async with server:
            settings = SmtpSettings(host="127.0.0.1", port=server.port, security=security)
            notifier = SmtpNotifier(settings, ca_file=certificate.file, timeouts=PATIENT)
            for _ in range(2):
                answers = await send(notifier, content=Content(parts={"text": text}))
                assert answers == {"ann@example.com": None}
            await notifier.close()

    asyncio.run(main())

    assert len(server.sessions) == 1
    for mail in server.accepted:
        assert mail.data.partition(b"\r\n\r\n")[2] == text.replace("\n", "\r\n").encode()


def test_an_outage_costs_no_mail_and_ends_by_itself() -> None:
    async def main() -> None:
        server = SmtpServer()
        async with server:
            notifier = SmtpNotifier(
                SmtpSettings(host="127.0.0.1", port=server.port), timeouts=PATIENT
            )
            await send(notifier)
        with pytest.raises(Unavailable):
            await send(notifier)
        async with SmtpServer(port=server.port) as again:
            assert await send(notifier) == {"ann@example.com": None}
            assert len(again.accepted) == 1
            await notifier.close()

    asyncio.run(main())
