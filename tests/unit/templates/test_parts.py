"""Which parts are rendered, in which language, with which variables."""

from typing import Any

import pytest

from domain.content import InDoubtPolicy
from domain.errors import FailureReason
from tests.unit.templates.conftest import Folder


def test_a_flat_file_is_an_html_mail_with_a_derived_text(folder: Folder) -> None:
    folder.write({"welcome.jinja2": "<p>Hello <b>{{ name }}</b></p>"})

    content = folder.render("welcome", {"name": "Ann"})

    assert content.parts == {"html": "<p>Hello <b>Ann</b></p>", "text": "Hello Ann\n"}


def test_names_with_slashes_and_dots_are_nested_files(folder: Folder) -> None:
    folder.write({"shop/order.v2.jinja2": "flat", "shop/mail/text.jinja2": "folder"})

    assert folder.render("shop/order.v2").parts["html"] == "flat"
    assert folder.render("shop/mail").parts == {"text": "folder"}


def test_an_own_text_part_wins_over_a_derived_one(folder: Folder) -> None:
    folder.write({"t/html.jinja2": "<p>html</p>", "t/text.jinja2": "own"})

    assert folder.render("t").parts == {"html": "<p>html</p>", "text": "own"}


ALL_PARTS = {
    "t/html.jinja2": "<i>html</i>",
    "t/text.jinja2": "text",
    "t/telegram.jinja2": "telegram",
    "t/slack.jinja2": "slack",
    "t/slack.json.jinja2": "[]",
}


@pytest.mark.parametrize(
    ("files", "channel", "parts"),
    [
        (ALL_PARTS, "email", {"html", "text"}),
        (ALL_PARTS, "telegram", {"telegram"}),
        (ALL_PARTS, "slack", {"slack", "slack.json"}),
        (ALL_PARTS, "pager", {"text"}),
        ({"t/text.jinja2": "x"}, "telegram", {"text"}),
        ({"t/text.jinja2": "x"}, "slack", {"text"}),
        ({"t/html.jinja2": "x"}, "telegram", {"text"}),
        ({"t/slack.json.jinja2": "{}"}, "slack", {"slack.json"}),
    ],
)
def test_only_the_parts_that_a_channel_uses_are_rendered(
    folder: Folder, files: dict[str, str], channel: str, parts: set[str]
) -> None:
    assert set(folder.write(files).render("t", channel=channel).parts) == parts


def test_a_part_the_channel_does_not_use_cannot_fail(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "fine", "t/telegram.jinja2": "{{ nowhere }}"})

    assert folder.render("t", channel="email").parts == {"text": "fine"}


def test_a_template_without_a_part_for_the_channel_says_what_is_wanted(folder: Folder) -> None:
    failure = folder.write({"t/slack.jinja2": "x"}).failure("t", channel="email")

    assert failure.reason is FailureReason.TEMPLATE_MISSING
    assert "'t' has no part for channel 'email'" in str(failure)
    assert "html or text" in str(failure)


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("it-IT", "Ciao"),
        ("it", "Ciao"),
        ("IT_it", "Ciao"),
        ("pt-BR", "Oi"),
        ("pt-PT", "Hello"),
        ("zh-Hant-TW", "你好"),
        ("de", "Hello"),
        (None, "Hello"),
    ],
)
def test_a_locale_falls_back_step_by_step(folder: Folder, locale: str | None, text: str) -> None:
    folder.write(
        {
            "t/text.jinja2": "Hello",
            "t/text.it.jinja2": "Ciao",
            "t/text.pt_BR.jinja2": "Oi",
            "t/text.zh-Hant.jinja2": "你好",
        }
    )

    assert folder.render("t", locale=locale).parts["text"] == text


def test_each_part_falls_back_on_its_own(folder: Folder) -> None:
    folder.write(
        {"t/html.jinja2": "hi", "t/html.it.jinja2": "ciao", "t/subject.jinja2": "one for all"}
    )

    content = folder.render("t", locale="it")

    assert (content.subject, content.parts["html"]) == ("one for all", "ciao")


def test_the_subject_is_the_requests_else_the_files_else_the_manifests(folder: Folder) -> None:
    folder.write(
        {
            "both/text.jinja2": "{{ subject }}|{{ altro }}",
            "both/subject.jinja2": "Order {{ number }}",
            "both/template.toml": 'subject = "default"',
            "toml/text.jinja2": "{{ subject }}|{{ altro }}",
            "toml/template.toml": 'subject = "default"',
            "none/text.jinja2": "[{{ subject }}]",
        }
    )
    requested = folder.render("both", {"number": 7}, subject="asked for")
    rendered = folder.render("both", {"number": 7})
    default = folder.render("toml")
    without = folder.render("none")

    assert (requested.subject, requested.parts["text"]) == ("asked for", "asked for|asked for")
    assert (rendered.subject, rendered.parts["text"]) == ("Order 7", "Order 7|Order 7")
    assert (default.subject, default.parts["text"]) == ("default", "default|default")
    assert (without.subject, without.parts["text"]) == (None, "[]")


def test_a_rendered_subject_is_one_line_and_not_escaped(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "x", "t/subject.jinja2": "\n  Tea & {{ name }}\r\n\tfor you \n"})

    content = folder.render("t", {"name": "<b>\r\nBcc: everybody"})

    assert content.subject == "Tea & <b> Bcc: everybody for you"


def test_a_parameter_named_subject_is_what_the_body_sees(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ subject }}|{{ altro }}"})

    content = folder.render("t", {"subject": "parameter"}, subject="message")

    assert content.subject == "message"
    assert content.parts["text"] == "parameter|message"


def test_now_and_recipient_are_there(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "{{ now.strftime('%d %B %Y') }} {{ recipient }}"})

    assert folder.render("t").parts["text"] == "31 January 2026 "


def test_parameters_are_not_changed_by_a_template(folder: Folder) -> None:
    parameters: dict[str, Any] = {"items": [1, 2]}
    folder.write({"t/text.jinja2": "{% set items = 3 %}{{ items }}"})

    folder.render("t", parameters)

    assert parameters == {"items": [1, 2]}
    assert "unsafe" in str(
        folder.write({"u.jinja2": "{{ items.append(3) }}"}).failure("u", parameters)
    )


def test_the_manifest_becomes_the_envelope(folder: Folder) -> None:
    folder.write(
        {
            "t/text.jinja2": "x",
            "t/template.toml": """
                from = "The Shop <shop@example.org>"
                channels = ["email", "telegram"]
                expiry = "2d"
                priority = 4
                in_doubt = "hold"
            """,
        }
    )

    envelope = folder.render("t").envelope

    assert envelope.sender == '"The Shop" <shop@example.org>'
    assert envelope.channels == ("email", "telegram")
    assert envelope.expires_after is not None
    assert envelope.expires_after.days == 2
    assert (envelope.priority, envelope.in_doubt) == (4, InDoubtPolicy.HOLD)


@pytest.mark.parametrize(
    ("locale", "text"),
    [("it-IT", "Ciao\n"), ("it", "Ciao\n"), ("de", "Hello"), (None, "Hello")],
)
@pytest.mark.parametrize("channel", ["email", "telegram"])
def test_field_3_12_the_text_is_derived_from_html_of_the_same_language(
    folder: Folder, locale: str | None, text: str, channel: str
) -> None:
    folder.write(
        {
            "t/html.jinja2": "<p>Hi</p>",
            "t/html.it.jinja2": "<p>Ciao</p>",
            "t/subject.jinja2": "S",
            "t/subject.it.jinja2": "O",
            "t/text.jinja2": "Hello",
        }
    )

    assert folder.render("t", locale=locale, channel=channel).parts["text"] == text


def test_field_3_12_a_text_in_the_language_wins_over_html_in_a_more_general_one(
    folder: Folder,
) -> None:
    folder.write(
        {"t/html.it.jinja2": "<p>Ciao</p>", "t/text.it-CH.jinja2": "Hoi", "t/text.jinja2": "Hello"}
    )

    assert folder.render("t", locale="it-CH").parts["text"] == "Hoi"
    assert folder.render("t", locale="it-IT").parts["text"] == "Ciao\n"


def test_field_3_11_channels_in_template_toml_restrict_a_template(folder: Folder) -> None:
    folder.write({"t/text.jinja2": "x", "t/template.toml": 'channels = ["telegram", "email"]'})

    failure = folder.failure("t", channel="slack")

    assert folder.render("t", channel="telegram").parts["text"] == "x"
    assert failure.reason is FailureReason.CHANNEL_UNKNOWN
    assert "'t' is not for channel 'slack'" in str(failure)
    assert "only telegram, email" in str(failure)
