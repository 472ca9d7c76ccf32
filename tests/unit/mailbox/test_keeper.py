"""Mails that came are kept in their order, and not without end."""

from pathlib import Path

from entrypoints.mailbox.envelope import MailKeeper, read_arrived


def test_each_kept_mail_is_younger_than_the_one_before(tmp_path: Path) -> None:
    keeper, mail = MailKeeper(tmp_path, 99), read_arrived(b"Return-Path: <a@b>\nSubject: x\n\ny\n")

    times = [keeper.keep(mail).stat().st_mtime_ns for _ in range(50)]

    assert times == sorted(set(times))


def test_when_more_mails_come_than_are_kept_the_oldest_go(tmp_path: Path) -> None:
    keeper, mail = MailKeeper(tmp_path, 3), read_arrived(b"Return-Path: <a@b>\nSubject: x\n\ny\n")

    kept = [keeper.keep(mail) for _ in range(10)]

    assert sorted((tmp_path / "new").iterdir()) == sorted(kept[-3:])
