"""The recipient guard lets through, redirects with a note, or refuses."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import structlog

from adapters.channels import CHANNELS
from adapters.channels.shared.guard import GuardedNotifier, GuardRules
from adapters.template_parts import ChannelParts
from domain.content import Content
from domain.errors import DeliveryError, FailureReason, Permanent, Transient, Unavailable
from domain.notification import Notification, Recipient
from domain.ports import AboutToSend, Answers, proceed
from tests.fakes import FakeNotifier, a_notification

ANN, BOB, DEV, CY = (
    Recipient(address=f"{name}@example.{end}")
    for name, end in [("ann", "org"), ("bob", "com"), ("dev", "org"), ("cy", "net")]
)
PARTS = ChannelParts(own=tuple(part for one in CHANNELS.values() for part in one.parts.own))
CONTENT = Content(subject="Hello", parts={"text": "Hi", "html": "<html><BODY class='a'>Hi</body>"})


def guard(notifier: FakeNotifier, **rules: Any) -> GuardedNotifier:
    return GuardedNotifier(notifier, "email", GuardRules(**rules), PARTS)


def notify(
    notifier: GuardedNotifier, *recipients: Recipient, content: Content = CONTENT
) -> dict[Recipient, DeliveryError | None]:
    notification = a_notification(to=[r.address for r in recipients], cc=(CY,))
    return dict(asyncio.run(notifier.notify(notification, content, recipients)))


def test_who_fits_a_pattern_is_told_as_asked() -> None:
    inner = FakeNotifier()

    answers = notify(guard(inner, only_to=("*@EXAMPLE.org",)), ANN)

    assert answers == {ANN: None}
    assert inner.delivered[0].content is CONTENT


def test_who_fits_none_is_refused_where_nobody_takes_it() -> None:
    inner = FakeNotifier()

    with pytest.raises(Permanent) as caught:
        notify(guard(inner, only_to=("*@example.org",)), BOB)

    assert caught.value.reason is FailureReason.GUARDED
    assert inner.calls == 0


def test_who_fits_none_is_redirected_with_a_note() -> None:
    inner = FakeNotifier()

    with structlog.testing.capture_logs() as logs:
        answers = notify(guard(inner, redirect_to={"email": DEV}), ANN, BOB)

    assert answers == {ANN: None, BOB: None}
    (mail,) = inner.delivered
    assert (mail.recipients, mail.notification.to, mail.notification.cc) == ((DEV,), (DEV,), ())
    assert mail.content.subject == "[to ann@example.org, bob@example.com] Hello"
    for part in mail.content.parts.values():
        assert "It was meant for: ann@example.org, bob@example.com" in part
    assert mail.content.parts["html"].startswith("<html><BODY class='a'><p>Redirected")
    assert logs[0]["meant_for"] == ["ann@example.org", "bob@example.com"]


def test_what_was_for_several_keeps_an_id_for_each() -> None:
    inner = FakeNotifier()
    redirecting = guard(inner, redirect_to={"email": DEV})

    for recipient in (ANN, BOB, BOB):
        notify(redirecting, recipient)

    ann, bob, again = (mail.notification.id for mail in inner.delivered)
    assert ann != bob
    assert again == bob
    assert ann.rpartition("+")[0] == bob.rpartition("+")[0] == a_notification().id


def test_of_two_one_may_pass_and_the_other_not() -> None:
    inner = FakeNotifier()

    answers = notify(guard(inner, only_to=("ann*",)), ANN, BOB)

    assert answers[ANN] is None
    error = answers[BOB]
    assert isinstance(error, Permanent)
    assert inner.addresses == ["ann@example.org"]


class Leaving(FakeNotifier):
    """Says which mail leaves."""

    async def notify(
        self,
        notification: Notification,
        content: Content,
        recipients: Sequence[Recipient],
        about_to_send: AboutToSend = proceed,
    ) -> Answers:
        await about_to_send(None, f"<{notification.id.partition('+')[0]}.{recipients[0].address}>")
        return dict.fromkeys(recipients)


def test_a_redirected_mail_leaves_for_those_whom_it_was_meant_for() -> None:
    left: dict[str, str] = {}

    async def about_to_send(
        concerned: Sequence[Recipient] | None = None, message_id: str = "", /
    ) -> None:
        left.update({recipient.address: message_id for recipient in concerned or ()})

    notifier = guard(Leaving(), only_to=("ann*",), redirect_to={"email": DEV})
    mail = a_notification(to=[ANN.address, BOB.address])
    asyncio.run(notifier.notify(mail, CONTENT, [ANN, BOB], about_to_send))

    assert left == {ANN.address: f"<n-1.{ANN.address}>", BOB.address: f"<n-1.{DEV.address}>"}


def test_trouble_with_one_group_is_not_the_others() -> None:
    inner = FakeNotifier(failures=[Transient("busy")])

    answers = notify(guard(inner, only_to=("ann*",), redirect_to={"email": DEV}), ANN, BOB)

    assert isinstance(answers[ANN], Transient)
    assert answers[BOB] is None


def test_the_target_itself_gets_its_own_as_they_are() -> None:
    inner = FakeNotifier()

    notify(guard(inner, redirect_to={"email": DEV}), DEV)

    assert inner.delivered[0].content is CONTENT


def test_a_redirect_for_another_channel_is_none_for_this() -> None:
    with pytest.raises(Permanent, match="DISPATCHER_REDIRECT_TO no target for channel 'email'"):
        notify(guard(FakeNotifier(), redirect_to={"slack": DEV}), ANN)


def test_how_far_a_try_came_goes_along() -> None:
    inner = FakeNotifier()
    half_way = Recipient(address=BOB.address, resume="2:ab")

    notify(guard(inner, redirect_to={"email": DEV}), half_way)

    assert [r.resume for r in inner.delivered[0].recipients] == ["2:ab"]


@pytest.mark.parametrize("name", ["telegram", "slack"])
def test_the_note_is_escaped_for_its_channel(name: str) -> None:
    inner = FakeNotifier()
    named = Recipient(address=BOB.address, name="Bob & Co")

    notify(guard(inner, redirect_to={"email": DEV}), named, content=Content(parts={name: "<b>"}))

    text = inner.delivered[0].content.parts[name]
    assert "Bob &amp; Co" in text
    assert "&lt;bob@example.com&gt;" in text
    assert text.endswith("\n\n<b>")


@pytest.mark.parametrize("wrap", [lambda blocks: blocks, lambda blocks: {"blocks": blocks, "a": 1}])
def test_blocks_get_a_block_with_the_note(wrap: Callable[[list[dict[str, str]]], object]) -> None:
    inner = FakeNotifier()
    blocks = [{"type": "divider"}] * 50
    part = json.dumps(wrap(blocks))

    notify(
        guard(inner, redirect_to={"email": DEV}), BOB, content=Content(parts={"slack.json": part})
    )

    value = json.loads(inner.delivered[0].content.parts["slack.json"])
    made = value["blocks"] if isinstance(value, dict) else value
    assert "bob@example.com" in made[0]["text"]["text"]
    assert len(made) == 50


def test_of_an_url_only_the_host_is_shown() -> None:
    inner = FakeNotifier()
    hook = Recipient(address="https://user:pass@hooks.example.org/services/T0K3N")

    notify(guard(inner, redirect_to={"email": DEV}), hook)

    text = inner.delivered[0].content.parts["text"]
    assert "It was meant for: https://hooks.example.org\n" in text


def test_an_object_without_blocks_has_the_note_in_its_text() -> None:
    inner = FakeNotifier()
    content = Content(parts={"slack.json": '{"text": "hello"}'})

    notify(guard(inner, redirect_to={"email": DEV}), BOB, content=content)

    text = json.loads(inner.delivered[0].content.parts["slack.json"])["text"]
    assert text.endswith("It was meant for: bob@example.com\n\nhello")


def test_a_provider_that_is_away_is_away_for_all() -> None:
    inner = FakeNotifier(failures=[Unavailable("away")])

    with pytest.raises(Unavailable):
        notify(guard(inner, only_to=("ann*",), redirect_to={"email": DEV}), ANN, BOB)
