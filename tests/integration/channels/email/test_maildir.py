import asyncio
import mailbox
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.channels.email.maildir import MaildirNotifier
from domain.content import Content
from domain.errors import FailureReason, Permanent, Unavailable
from domain.notification import Recipient
from tests.fakes import a_notification
from tests.support.mail_reading import parts_of, text_of

CONTENT = Content(subject="Größe", parts={"text": "Hi.\nFrom here\n.\n", "html": "<p>é</p>"})


def test_mail_is_kept_where_a_mail_program_finds_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "mail"
    notification = a_notification(bcc=(Recipient(address="bcc@example.com"),))

    answers = asyncio.run(
        MaildirNotifier(folder).notify(notification, CONTENT, notification.recipients)
    )

    assert list(answers.values()) == [None, None]
    (mail,) = mailbox.Maildir(folder, create=False)
    assert mail["To"] == "ann@example.com"
    assert mail["Return-Path"] == "<shop@example.com>"
    assert mail.get_all("Delivered-To") == ["ann@example.com", "bcc@example.com"]
    text, html = parts_of(mail)
    assert text.get_payload(decode=True) == b"Hi.\nFrom here\n.\n"
    assert text_of(html) == "<p>é</p>"
    assert list((folder / "tmp").iterdir()) == []


def test_two_hundred_mails_at_once_are_two_hundred_files(tmp_path: Path) -> None:
    notifier = MaildirNotifier(tmp_path)

    async def main() -> None:
        await asyncio.gather(
            *(notifier.notify(n, CONTENT, n.recipients) for n in [a_notification()] * 200)
        )

    asyncio.run(main())

    assert len(mailbox.Maildir(tmp_path, create=False)) == 200


def test_a_fault_of_ours_reaches_each_mail_of_its_batch_and_the_next_are_kept(
    tmp_path: Path,
) -> None:
    notifier = MaildirNotifier(tmp_path)

    async def main() -> Sequence[object]:
        loop, mail = asyncio.get_running_loop(), a_notification()
        calls = [notifier.notify(mail, CONTENT, mail.recipients) for _ in range(3)]
        pool = ThreadPoolExecutor(1)
        loop.set_default_executor(pool)
        pool.shutdown()
        async with asyncio.timeout(5):
            results = await asyncio.gather(*calls, return_exceptions=True)
            loop.set_default_executor(ThreadPoolExecutor(1))
            await notifier.notify(mail, CONTENT, mail.recipients)
        return results

    assert [type(result) for result in asyncio.run(main())] == [RuntimeError] * 3
    assert len(mailbox.Maildir(tmp_path, create=False)) == 1


def test_an_address_that_is_none_is_refused_alone(tmp_path: Path) -> None:
    notification = a_notification(to=["ann@example.com", "nonsense"])

    answers = asyncio.run(
        MaildirNotifier(tmp_path).notify(notification, CONTENT, notification.recipients)
    )

    ann, nonsense = answers.values()
    assert ann is None
    assert isinstance(nonsense, Permanent)
    assert nonsense.reason is FailureReason.RECIPIENT_INVALID


def test_when_nobody_can_be_served_nothing_is_kept(tmp_path: Path) -> None:
    notification = a_notification(to=["nonsense"])

    asyncio.run(MaildirNotifier(tmp_path).notify(notification, CONTENT, notification.recipients))

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_unavailable_and_named(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file in the way")
    notification = a_notification()

    with pytest.raises(Unavailable, match="mail"):
        asyncio.run(
            MaildirNotifier(tmp_path / "mail").notify(
                notification, CONTENT, notification.recipients
            )
        )
