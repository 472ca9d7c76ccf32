"""What a TelegramNotifier asks of the Bot API, and what it makes of the answers."""

import base64
from pathlib import Path

import pytest

from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Throttled,
    Transient,
    Unavailable,
)
from domain.notification import Attachment
from tests.fakes import reason_of
from tests.support.http_server import Answer, Cut
from tests.support.telegram_scene import Send, with_telegram
from tests.support.telegram_server import (
    BotApi,
    failed,
    too_many,
)

GROUP, SUPERGROUP = -4001, -1001234567890
PNG = base64.b64decode("iVBORw0KGgo=")
PHOTO = Attachment(filename="größe.png", content_type="image/png", content=PNG)
PAPER = Attachment(filename="invoice.pdf", content_type="application/pdf", content=b"%PDF")


def three_parts(last: str = "third") -> str:
    """A text that is three messages, of which each says which it is."""
    return "\n\n".join(f"{name} " + "x " * 1800 for name in ("first", "second", last))


def test_a_text_goes_out_as_telegrams_html() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        assert await send("<b>Hi</b> R&amp;D &euro;") is None

        [call] = api.delivered
        assert call.method == "sendMessage"
        assert call.fields == {"chat_id": 42, "text": "<b>Hi</b> R&amp;D €", "parse_mode": "HTML"}

    with_telegram(scene)


def test_a_text_part_goes_out_as_people_are_to_see_it() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        assert await send("1 < 2 & <b>", plain=True) is None

        assert api.texts == ["1 &lt; 2 &amp; &lt;b&gt;"]

    with_telegram(scene)


def test_a_public_name_is_an_address_too() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        assert await send(to="@my_channel") is None

        assert [call.chat for call in api.delivered] == ["@my_channel"]

    with_telegram(scene)


@pytest.mark.parametrize("to", ["ann", "ann@example.com", "+391234567", "@x", "0", "1.5", "٣٤"])
def test_what_is_neither_an_id_nor_a_name_is_no_recipient(to: str) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        assert reason_of(await send(to=to)) is FailureReason.RECIPIENT_INVALID
        assert api.calls == []

    with_telegram(scene)


def test_the_producers_wishes_go_out_with_the_message() -> None:
    wishes = {
        "buttons": [[{"text": "Open", "url": "https://example.com/1"}]],
        "silent": True,
        "preview": False,
        "topic": 17,
    }

    async def scene(api: BotApi, send: Send) -> None:
        assert await send(metadata={"telegram": wishes}) is None

        fields = api.delivered[0].fields
        assert fields["disable_notification"] is True
        assert fields["message_thread_id"] == 17
        assert fields["link_preview_options"] == {"is_disabled": True}
        assert fields["reply_markup"] == {"inline_keyboard": wishes["buttons"]}

    with_telegram(scene)


@pytest.mark.parametrize(
    ("wishes", "named"),
    [
        ({"silent": "yes"}, "metadata.telegram.silent"),
        ({"topic": 0}, "metadata.telegram.topic"),
        ({"topic": True}, "metadata.telegram.topic"),
        ({"buttons": [[{"text": "x"}]]}, "metadata.telegram.buttons[0][0].url"),
        (
            {"buttons": [[{"text": "", "url": "https://x.y"}]]},
            "metadata.telegram.buttons[0][0].text",
        ),
        (
            {"buttons": [[{"text": "x", "url": "javascript:1"}]]},
            "metadata.telegram.buttons[0][0].url",
        ),
        ({"loud": True}, "metadata.telegram.loud"),
        ("silent", "metadata.telegram"),
        ("", "metadata.telegram"),
        (0, "metadata.telegram"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_by_its_name(wishes: object, named: str) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        error = await send(metadata={"telegram": wishes})

        assert reason_of(error) is FailureReason.CONTENT_REFUSED
        assert f"{named}:" in str(error)
        assert api.calls == []

    with_telegram(scene)


def test_a_long_text_is_sent_in_parts_and_the_buttons_are_below_the_last() -> None:
    wishes = {"buttons": [[{"text": "Open", "url": "https://example.com/1"}]]}

    async def scene(api: BotApi, send: Send) -> None:
        assert await send(three_parts(), metadata={"telegram": wishes}) is None

        assert [text.split()[0] for text in api.texts] == ["first", "second", "third"]
        assert [text.rpartition("\n")[2] for text in api.texts] == ["(1/3)", "(2/3)", "(3/3)"]
        assert ["reply_markup" in call.fields for call in api.delivered] == [False, False, True]

    with_telegram(scene)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failed(500, "Internal Server Error"), Transient),
        (Cut(), InDoubt),
        (too_many(5), Throttled),
        (failed(401, "Unauthorized"), Unavailable),
    ],
    ids=["busy", "in doubt", "throttled", "unavailable"],
)
def test_the_next_try_goes_on_with_the_part_that_failed(
    answer: Answer | Cut, kind: type[DeliveryError]
) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(answer, containing="(2/3)", times=1)

        error = await send(three_parts(), to=1)
        assert isinstance(error, kind)
        assert error.resume
        other_chat = await send(three_parts(), to=2, resume=error.resume)

        assert other_chat is None
        assert [text[-5:] for text in api.texts] == ["(1/3)", "(2/3)", "(3/3)"]

    with_telegram(scene)


@pytest.mark.parametrize("resume", ["1:000000000000", "3:", "x", "99999999999999999:1", "-1:", "0"])
def test_a_place_that_does_not_fit_the_text_means_the_beginning(resume: str) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        assert await send(three_parts(), resume=resume) is None

        assert len(api.texts) == 3

    with_telegram(scene)


def test_a_text_that_has_changed_before_the_place_begins_anew() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(failed(500, "Internal Server Error"), containing="(3/3)", times=1)
        error = await send(three_parts())
        assert error is not None

        later = await send("changed " + three_parts(), to=2, resume=error.resume)

        assert later is None
        assert len(api.texts) == 2 + 3

    with_telegram(scene)


def test_a_failed_beginning_anew_forgets_the_place() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        api.answer(failed(500, "Internal Server Error"))

        error = await send(three_parts(), resume="1:000000000000")

        assert error is not None
        assert error.resume == ""

    with_telegram(scene)


@pytest.mark.parametrize(
    ("attachment", "method", "file"),
    [
        (PHOTO, "sendPhoto", {"photo": ("größe.png", "image/png", PNG)}),
        (PAPER, "sendDocument", {"document": ("invoice.pdf", "application/pdf", b"%PDF")}),
    ],
)
def test_a_file_has_a_short_text_as_its_caption(
    attachment: Attachment, method: str, file: object
) -> None:
    wishes = {"buttons": [[{"text": "Open", "url": "https://example.com/1"}]], "silent": True}

    async def scene(api: BotApi, send: Send) -> None:
        sent = await send("<b>Hi</b>", attachments=(attachment,), metadata={"telegram": wishes})

        assert sent is None
        [call] = api.delivered
        assert (call.method, call.chat, call.files) == (method, 42, file)
        assert (call.fields["caption"], call.fields["parse_mode"]) == ("<b>Hi</b>", "HTML")
        assert call.fields["disable_notification"] is True
        assert call.fields["reply_markup"] == {"inline_keyboard": wishes["buttons"]}

    with_telegram(scene)


@pytest.mark.parametrize(
    ("text", "attachments", "methods"),
    [
        ("x" * 1025, (PHOTO,), ["sendMessage", "sendPhoto"]),
        ("Hi", (PHOTO, PAPER), ["sendMessage", "sendPhoto", "sendDocument"]),
        (" ", (PHOTO, PAPER), ["sendPhoto", "sendDocument"]),
    ],
)
def test_else_the_text_goes_first(
    text: str, attachments: tuple[Attachment, ...], methods: list[str]
) -> None:
    async def scene(api: BotApi, send: Send) -> None:
        assert await send(text, attachments=attachments) is None

        assert [call.method for call in api.delivered] == methods

    with_telegram(scene)


def test_a_large_picture_is_sent_as_a_file() -> None:
    large = Attachment(filename="x.png", content_type="image/png", content=b"x" * 11_000_000)

    async def scene(api: BotApi, send: Send) -> None:
        assert await send(attachments=(large,)) is None

        assert api.delivered[0].method == "sendDocument"

    with_telegram(scene)


def test_a_file_comes_from_the_attachments_folder_only(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(b"inside")
    (tmp_path / "b.txt").write_bytes(b"outside")

    async def scene(api: BotApi, send: Send) -> None:
        inside = Attachment(filename="a.txt", content_type="text/plain", path="a.txt")
        outside = Attachment(filename="b.txt", content_type="text/plain", path="../b.txt")

        assert await send(attachments=(inside,)) is None
        assert reason_of(await send(attachments=(outside,))) is FailureReason.CONTENT_REFUSED

        assert [call.files["document"][2] for call in api.delivered] == [b"inside"]

    with_telegram(scene, attachments_dir=tmp_path / "in")


def test_nothing_to_send_is_refused_before_telegram_does() -> None:
    async def scene(api: BotApi, send: Send) -> None:
        assert reason_of(await send(" \n ")) is FailureReason.CONTENT_REFUSED
        assert api.calls == []

    with_telegram(scene)
