"""Whoever follows the tutorial word by word gets what it promises."""

from mailbox import Maildir
from pathlib import Path

from tests.support.doc_author import a_shell, follow
from tests.support.worker import ROOT


def test_the_tutorial_works_word_by_word(tmp_path: Path) -> None:
    with a_shell(tmp_path) as shell:
        follow(ROOT / "docs/tutorial.md", shell)
        shop = shell.folder

    mails = list(Maildir(str(shop / "var/mail"), create=False))
    pictures = [
        part.get_payload(decode=True)
        for mail in mails
        for part in mail.walk()
        if part.get_content_type() == "image/png"
    ]
    [telegram] = (shop / "var/telegram").glob("*.txt")
    assert sorted(str(mail["To"]) for mail in mails) == [
        "Ann <ann@example.org>",
        "Gianna <gianna@example.org>",
    ]
    assert pictures == [(shop / "pictures/cup.png").read_bytes()] * 2
    assert "<b>Ciao Gianna</b>" in telegram.read_text()
