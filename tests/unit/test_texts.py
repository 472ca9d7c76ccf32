"""Texts of others, made fit for an error."""

from adapters.texts import short_text


def test_a_text_is_one_line_without_what_drives_a_terminal() -> None:
    assert short_text(" no\r\n such\tuser \x1b[31m\ud83d ") == "no such user \ufffd[31m\ufffd"


def test_a_secret_is_not_shown_and_an_empty_one_hides_nothing() -> None:
    assert short_text("POST /bot123/send: bot123", secrets=["", "bot123"]) == "POST /***/send: ***"


def test_a_text_that_was_cut_says_so() -> None:
    assert short_text("x" * 200) == "x" * 200
    assert short_text("x" * 201) == "x" * 199 + "…"
    assert short_text("abcd", 3) == "ab…"
