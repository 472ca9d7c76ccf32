"""Letters are grouped by what went wrong, not by whom it happened to."""

import pytest

from adapters.dead_letters.dead_letter import cause_of, describe, general
from adapters.inbound.contract import InboundMessage
from adapters.message_format.rules import Properties


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("550 5.1.1 <ann@example.com>: unknown", "550 5.1.1 <bob@example.org>: unknown"),
        ("250 queued as 4XbC12abcd", "250 queued as 9YcD34efgh"),
        ("451 try again in 30 seconds", "451 try again in 212 seconds"),
        ("no answer from 5.10.20.30", "no answer from 4.10.20.31"),
        ("body: not JSON at line 3 column 14", "body: not JSON at line 1 column 2"),
        (
            "unknown 7d444840-9dc0-11d1-b245-5ffdce74fad2",
            "unknown 0e37df36-f698-11e6-8dd4-cb9ced3df976",
        ),
        ("user550@example.com is full", "jane@example.com is full"),
    ],
)
def test_what_differs_from_letter_to_letter_does_not_part_them(one: str, other: str) -> None:
    assert general(one) == general(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("there is no template 'a'", "there is no template 'b'"),
        ("550 no such user", "552 no such user"),
        ("550 5.1.1 refused", "550 5.7.1 refused"),
        ("mx:25 answered RCPT TO with 550 no", "mx:25 answered RCPT TO with 451 no"),
        ("'name' is undefined", "'link' is undefined"),
    ],
)
def test_what_wants_another_remedy_is_another_cause(one: str, other: str) -> None:
    assert general(one) != general(other)


def test_a_cause_is_reason_template_channel_and_error() -> None:
    def letter(template: str, error: str) -> InboundMessage:
        headers = {"x-dispatcher-reason": "recipient_refused", "x-dispatcher-error": error}
        body = b'{"template": "%s"}' % template.encode()
        return InboundMessage(
            queue="email", body=body, headers=headers, properties=Properties(message_id=error)
        )

    letters = [letter("a", "550 ann@x.example"), letter("a", "550 bob@x.example")]
    others = [letter("b", "550 ann@x.example"), letter("a", "451 ann@x.example")]

    same = {cause_of(describe(one, {"email": "email"})) for one in letters}
    apart = {cause_of(describe(one, {"email": "email"})) for one in others}

    assert len(same) == 1
    assert len(same | apart) == 3
