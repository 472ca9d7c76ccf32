"""Messages that are accepted and what becomes of them, and all that is malformed."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.contract.http_peer import TELEGRAM_TOKEN
from tests.integration.contract.outside import golden
from tests.integration.contract.scene import Case, Scene
from tests.integration.contract.smtp_peer import Mail

WIRE: dict[str, Mapping[str, Any]] = {row["case"]: row for row in golden("wire")}
MALFORMED = [row["case"] for row in golden("malformed")]
MESSAGE_IDS: dict[str, list[str]] = golden("message_ids")

ALL_FIELDS = {
    *("from", "to", "reply_to", "subject", "template", "parameters", "id", "channel", "cc", "bcc"),
    *("individually", "locale", "send_at", "delay", "expires_at", "priority", "attachments"),
    *("envelope_from", "headers", "metadata", "channels", "fallback", "timezone"),
}


def found(cases: list[Case], name: str) -> Case:
    return next(case for case in cases if case.id == name)


def mails_of(scene: Scene, name: str) -> list[Mail]:
    """The mails of a case; of one without an id by its first recipient."""
    row = WIRE[name]
    if "id" in row.get("without", ()) and "properties" not in row:
        return [mail for mail in scene.smtp.mails if mail.recipients == (row["fields"]["to"],)]
    return scene.smtp.of(name)


def html_of(mail: Mail) -> str:
    part = mail.message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def test_the_golden_file_has_every_field() -> None:
    assert {name for row in WIRE.values() for name in row.get("fields", ())} >= ALL_FIELDS - {"id"}


@pytest.mark.parametrize("name", WIRE)
def test_a_message_reaches_those_it_names(scene: Scene, name: str) -> None:
    row = WIRE[name]
    is_mail = "queue" not in row and row.get("fields", {}).get("channel") is None
    default = [["ada@example.com"]] if is_mail and "fails" not in row else []
    expected = row.get("mails", default)

    mails = mails_of(scene, name)

    if expected is not None:
        assert sorted(sorted(mail.recipients) for mail in mails) == sorted(expected)
    else:
        assert len(mails) == 1


@pytest.mark.parametrize("name", [n for n, row in WIRE.items() if "fails" in row])
def test_what_cannot_be_sent_of_it_is_dead(scene: Scene, name: str) -> None:
    ((properties, _body),) = scene.dead_of(found(scene.accepted, name))

    assert properties.headers["x-dispatcher-reason"] == WIRE[name]["fails"]


def test_nothing_else_of_the_accepted_is_dead(scene: Scene) -> None:
    unharmed = [case for case in scene.accepted if "fails" not in case.row]

    assert [case.id for case in unharmed if scene.dead_of(case)] == []


@pytest.mark.parametrize("name", [n for n, row in WIRE.items() if "sender" in row])
def test_the_envelope_has_its_sender(scene: Scene, name: str) -> None:
    assert {mail.sender for mail in mails_of(scene, name)} == {WIRE[name]["sender"]}


@pytest.mark.parametrize("name", [n for n, row in WIRE.items() if "headers" in row])
def test_a_mail_has_the_headers_asked_for(scene: Scene, name: str) -> None:
    for mail in mails_of(scene, name):
        for header, value in WIRE[name]["headers"].items():
            assert mail.message[header] == value, header


@pytest.mark.parametrize("name", [n for n, row in WIRE.items() if "html" in row])
def test_a_template_sees_its_variables(scene: Scene, name: str) -> None:
    for mail in mails_of(scene, name):
        assert WIRE[name]["html"] in html_of(mail)


@pytest.mark.parametrize("name", [n for n, row in WIRE.items() if "parts" in row])
def test_a_mail_has_its_files(scene: Scene, name: str) -> None:
    for mail in mails_of(scene, name):
        leaves = [part for part in mail.message.walk() if not part.is_multipart()]
        assert sorted(part.get_content_type() for part in leaves) == sorted(WIRE[name]["parts"])


def test_every_mail_says_what_it_is(scene: Scene) -> None:
    for mail in scene.smtp.mails:
        template, _, version = str(mail.message["X-Dispatcher-Template"]).partition("@")
        assert template in {"note", "flat", "hold"}
        assert version
        assert mail.message["Auto-Submitted"] == "auto-generated"
        assert mail.message["Date"]


@pytest.mark.parametrize("name", [n for n, r in WIRE.items() if "telegram" in r or "slack" in r])
def test_a_message_reaches_the_chats_it_names(scene: Scene, name: str) -> None:
    telegram = scene.http.of(f"/bot{TELEGRAM_TOKEN}/sendMessage")
    slack = scene.http.of("/api/chat.postMessage")

    chats = [str(call.fields["chat_id"]) for call in telegram if call.text == "Telegram Ada"]
    channels = [str(call.fields["channel"]) for call in slack if call.text == "Slack Ada"]

    for chat in WIRE[name].get("telegram", ()):
        assert chats.count(chat) == 1
    for channel in WIRE[name].get("slack", ()):
        assert channels.count(channel) == 1


def test_no_chat_gets_what_is_not_for_it(scene: Scene) -> None:
    named = [c for row in WIRE.values() for k in ("telegram", "slack") for c in row.get(k, ())]

    assert len(scene.http.calls) == len(named)


@pytest.mark.parametrize("name", MESSAGE_IDS)
def test_the_message_id_follows_from_the_id(scene: Scene, name: str) -> None:
    found = {str(mail.message["Message-ID"]) for mail in scene.smtp.of(name)}

    assert sorted(found) == MESSAGE_IDS[name]


def test_the_message_id_stays_over_the_tries(scene: Scene) -> None:
    (mail,) = mails_of(scene, "later-mail")

    assert scene.smtp.tries["mail again-1"] == 2
    assert scene.smtp.offered.count(str(mail.message["Message-ID"])) == 2


def test_without_an_id_too_the_message_id_stays_over_the_tries(scene: Scene) -> None:
    (mail,) = mails_of(scene, "without-id")

    assert scene.smtp.tries["mail again-2"] == 2
    assert scene.smtp.offered.count(str(mail.message["Message-ID"])) == 2


@pytest.mark.parametrize("name", [row["case"] for row in golden("malformed")])
def test_a_malformed_message_is_dead_byte_for_byte(scene: Scene, name: str) -> None:
    case = found(scene.malformed, name)

    ((properties, body),) = scene.dead_of(case)

    assert body == case.body
    headers = properties.headers
    assert headers["x-dispatcher-reason"] == "malformed"
    assert headers["x-dispatcher-attempt"] == 1
    assert headers["x-dispatcher-queue"] == case.queue
    for field in case.row["names"]:
        assert field in headers["x-dispatcher-error"]


def test_the_key_of_a_message_without_id_is_the_hash_of_its_body(scene: Scene) -> None:
    case = found(scene.malformed, "not-json")

    ((properties, _body),) = scene.dead_of(case)

    assert properties.headers["x-dispatcher-key"] == hashlib.sha256(case.body).hexdigest()


def test_a_message_that_is_sent_again_goes_once(scene: Scene) -> None:
    assert len(scene.smtp.of("one-string")) == 1
