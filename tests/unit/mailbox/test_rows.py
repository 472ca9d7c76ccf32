"""The list and its search read each message once."""

from pathlib import Path

from entrypoints.mailbox.captured import kept_files, places
from entrypoints.mailbox.rows import has_words, row_of
from entrypoints.settings import Settings
from tests.support.captured_box import a_mail, keep_mail


def test_a_message_that_was_listed_is_not_read_again_for_a_search(tmp_path: Path) -> None:
    keep_mail(tmp_path, a_mail(subject="Bill", text="Apples"))
    [file] = kept_files(places(Settings(home=tmp_path)))
    assert row_of(file) is not None
    Path(file.path).unlink()

    assert has_words(file, "apples BILL")
    assert not has_words(file, "pears")


def test_a_long_message_is_not_remembered_and_found_all_the_same(tmp_path: Path) -> None:
    keep_mail(tmp_path, a_mail(subject="Long", text="words " * 10_000 + "\nthe end"))
    [file] = kept_files(places(Settings(home=tmp_path)))
    row = row_of(file)

    assert row is not None
    assert row.text is None
    assert has_words(file, "the end")


def test_an_attachment_is_decoded_when_it_is_asked_for(tmp_path: Path) -> None:
    mail = a_mail()
    mail.add_attachment(b"PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    keep_mail(tmp_path, mail)
    [file] = kept_files(places(Settings(home=tmp_path)))
    message = file.read()
    assert message is not None
    [attached] = message.content.files

    assert callable(attached.read)
    assert attached.content == b"PDF"
    assert attached.as_url() == "data:application/pdf;base64,UERG"
