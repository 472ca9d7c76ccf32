"""What each answer of Slack means for a delivery."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channels.shared.http import UNNAMED_WAIT, HttpReply
from adapters.channels.slack.verdicts import Verdicts
from domain.errors import (
    DeliveryError,
    FailureReason,
    InDoubt,
    Permanent,
    Throttled,
    Transient,
    Unavailable,
)
from domain.events import UnknownCodeReceived
from tests.fakes import FakeEvents
from tests.support import slack_codes as codes


class Judge:
    """Verdicts that remember the unknown codes."""

    def __init__(self) -> None:
        self.events = FakeEvents()
        self._verdicts = Verdicts(self.events, lambda: ["xoxb-1", ""])

    @property
    def unknown(self) -> list[str]:
        """The codes that were reported as unknown."""
        assert all(
            isinstance(event, UnknownCodeReceived) and event.channel == "slack"
            for event in self.events.events
        )
        return [getattr(event, "code", "") for event in self.events.events]

    def method(self, answer: object, status: int = 200, **headers: str) -> DeliveryError | None:
        return self._verdicts.of_method(HttpReply(status, headers, json.dumps(answer).encode()))

    def refused(self, code: str, status: int = 200) -> DeliveryError:
        error = self.method({"ok": False, "error": code}, status)
        assert error is not None
        return error

    def webhook(self, body: str, status: int) -> DeliveryError | None:
        return self._verdicts.of_webhook(HttpReply(status, {}, body.encode()))


def test_ok_true_is_success_whatever_else_it_says() -> None:
    assert Judge().method({"ok": True, "warning": "missing_charset", "error": "no"}) is None


@pytest.mark.parametrize(
    ("answer", "status"), [({"ok": "true"}, 200), ({"ok": 1}, 200), ({"ok": True}, 503)]
)
def test_nothing_else_is_success(answer: dict[str, object], status: int) -> None:
    assert Judge().method(answer, status) is not None


@pytest.mark.parametrize(
    ("code", "reason"),
    [(code, FailureReason.RECIPIENT_REFUSED) for code in sorted(codes.RECIPIENT)]
    + [(code, FailureReason.CONTENT_REFUSED) for code in sorted(codes.CONTENT)],
)
def test_what_is_wrong_with_the_message_is_dead_lettered_with_its_reason(
    code: str, reason: FailureReason
) -> None:
    error = Judge().refused(code)

    assert isinstance(error, Permanent)
    assert error.reason is reason
    assert not error.provider_fault
    assert code in str(error)


@pytest.mark.parametrize("code", sorted(codes.RECIPIENT_OR_US))
def test_a_refusal_that_may_be_of_every_channel_counts_towards_a_pause(code: str) -> None:
    error = Judge().refused(code)

    assert isinstance(error, Permanent)
    assert error.provider_fault


@pytest.mark.parametrize("code", sorted(codes.OUR_ACCOUNT))
def test_what_is_wrong_with_our_account_pauses_the_channel(code: str) -> None:
    error = Judge().refused(code)

    assert isinstance(error, Unavailable)
    assert not error.safe_to_repeat


def test_the_operator_is_told_where_to_look() -> None:
    assert "DISPATCHER_SLACK_TOKEN" in str(Judge().refused("invalid_auth"))
    assert "DISPATCHER_SLACK_WEBHOOK_URL" in str(Judge().webhook("no_service", 404))
    assert "invite the app" in str(Judge().refused("not_in_channel"))


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("code", sorted(codes.DOUBTFUL))
def test_an_error_within_slack_may_have_posted(code: str, status: int) -> None:
    assert isinstance(Judge().refused(code, status), InDoubt)


@pytest.mark.parametrize("code", sorted(codes.PASSING))
def test_a_passing_trouble_goes_to_the_tiers_and_counts_towards_a_pause(code: str) -> None:
    error = Judge().refused(code)

    assert isinstance(error, Transient)
    assert error.provider_fault


@pytest.mark.parametrize("code", sorted(codes.OUR_TOKEN))
def test_a_refused_token_pauses_the_channel_until_there_is_another(code: str) -> None:
    error = Judge().refused(code)

    assert isinstance(error, Unavailable)
    assert error.is_login


@pytest.mark.parametrize(("status", "code"), [(429, "ratelimited"), (200, "rate_limited")])
@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": "0"}, timedelta(seconds=1)),
        ({"retry-after": "soon"}, UNNAMED_WAIT),
        ({}, UNNAMED_WAIT),
    ],
)
def test_the_wait_is_the_one_that_slack_named(
    status: int, code: str, said: dict[str, str], wait: timedelta
) -> None:
    error = Judge().method({"ok": False, "error": code}, status, **said)

    assert isinstance(error, Throttled)
    assert error.retry_after == wait


def test_an_unknown_code_is_counted_and_goes_to_the_tiers() -> None:
    judge = Judge()

    error = judge.refused("brand_new_error")

    assert isinstance(error, Transient)
    assert not error.provider_fault
    assert "brand_new_error" in str(error)
    assert judge.unknown == ["brand_new_error"]


def test_known_codes_are_not_counted() -> None:
    judge = Judge()

    judge.refused("is_archived")

    assert judge.unknown == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, InDoubt),
        (302, Unavailable),
        (401, Unavailable),
        (404, Unavailable),
        (408, Transient),
        (413, Permanent),
        (500, Transient),
        (503, Transient),
    ],
)
def test_without_a_word_of_slack_s_the_status_decides(
    status: int, kind: type[DeliveryError]
) -> None:
    judge = Judge()

    assert type(judge.method("<html>", status)) is kind
    assert judge.unknown == []


@given(st.text() | st.none() | st.integers() | st.lists(st.text()))
def test_only_a_word_can_become_a_code(word: object) -> None:
    judge = Judge()

    error = judge.method({"ok": False, "error": word})

    assert error is not None
    known = [code for code in judge.unknown if code != "no_code"]
    assert all(code == word and code.isascii() and len(code) <= 64 for code in known)


@pytest.mark.parametrize("answer", [{"ok": False}, {"ok": False, "error": "It was the butler!"}])
def test_a_refusal_without_a_code_is_a_refusal_all_the_same(answer: dict[str, object]) -> None:
    judge = Judge()

    assert isinstance(judge.method(answer), Transient)
    assert judge.unknown == ["no_code"]


def test_what_slack_adds_is_told_without_our_token() -> None:
    messages = ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/0]", "xoxb-1"]

    error = Judge().method(
        {
            "ok": False,
            "error": "invalid_blocks",
            "response_metadata": {"messages": messages},
        }
    )

    assert "json-pointer:/blocks/0" in str(error)
    assert "xoxb-1" not in str(error)


@pytest.mark.parametrize("metadata", [None, [], {"messages": "x"}, {"messages": [1, None]}])
def test_odd_additions_are_passed_over(metadata: object) -> None:
    error = Judge().method({"ok": False, "error": "no_text", "response_metadata": metadata})

    assert isinstance(error, Permanent)


@pytest.mark.parametrize("body", ["ok", "", '{"ok": true}', '{"success": true}'])
def test_a_webhook_s_status_is_its_success(body: str) -> None:
    assert Judge().webhook(body, 200) is None


def test_a_webhook_that_says_no_with_200_is_believed() -> None:
    assert isinstance(Judge().webhook('{"ok": false, "error": "no_service"}', 200), Unavailable)


def test_a_webhook_s_unknown_word_is_counted() -> None:
    judge = Judge()

    error = judge.webhook("brand_new_error", 400)

    assert isinstance(error, Transient)
    assert judge.unknown == ["brand_new_error"]
