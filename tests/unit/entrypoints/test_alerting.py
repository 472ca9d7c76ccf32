"""Alerts leave over a notifier, say what to do, and never make a noise about themselves."""

import asyncio
from datetime import timedelta

from structlog.testing import capture_logs

from domain.alerts import GATHER, PATIENCE, AlertPolicy, AlertTarget, DeadLetterCause
from domain.errors import DeliveryError, FailureReason, Permanent, Throttled, Unavailable
from domain.events import (
    ALARM,
    BROKER,
    LEDGER,
    TEMPLATES,
    QueueRecreated,
    channel_trouble,
    queue_trouble,
)
from domain.notification import Recipient
from entrypoints.watching.alerts import Alerter
from tests.fakes import FakeClock, FakeNotifier

OPS = AlertTarget(channel="email", recipient=Recipient(address="ops@example.org"))
MISSING = DeadLetterCause(
    reason=FailureReason.TEMPLATE_MISSING, template="invoice", channel="email"
)


class Office:
    """An alerter with its policy, clock and notifier at hand."""

    def __init__(
        self, *failures: DeliveryError | None, targets: tuple[AlertTarget, ...] = (OPS,)
    ) -> None:
        self.clock = FakeClock()
        self.policy = AlertPolicy(self.clock)
        self.notifier = FakeNotifier(failures=list(failures))
        self.paused: set[str] = set()
        self.alerter = Alerter(
            policy=self.policy,
            targets=targets,
            notifiers={"email": self.notifier, "slack": self.notifier},
            paused=lambda: self.paused,
            without_subject=("slack",),
        )

    def dies(self, template: str = "invoice") -> None:
        cause = DeadLetterCause(
            reason=FailureReason.TEMPLATE_MISSING, template=template, channel="email"
        )
        self.policy.dead_letter(cause, queue="email", error="there is no such template")

    def tell(self, after: timedelta = GATHER) -> None:
        self.clock.time += after
        asyncio.run(self.alerter.report())

    @property
    def subjects(self) -> list[str]:
        return [one.content.subject or "" for one in self.notifier.delivered]


def test_an_alert_carries_the_facts_and_the_command() -> None:
    office = Office()
    office.dies()
    office.dies()

    office.tell()

    [mail] = office.notifier.delivered
    assert mail.recipients == (OPS.recipient,)
    assert mail.content.subject == "[dispatcher] 2 dead letters: template_missing, template invoice"
    text = mail.content.parts["text"]
    for fact in (
        "letters:    2",
        "first seen: 2026-01-31 12:00:00 UTC",
        "queue:      email",
        "error:      there is no such template",
        MISSING.replay,
    ):
        assert fact in text


def test_a_busy_provider_is_waited_for_once() -> None:
    busy = Throttled("busy", retry_after=timedelta(milliseconds=10))
    office = Office(busy)
    office.dies()

    office.tell()

    assert len(office.subjects) == 1


def test_where_there_is_no_subject_the_text_begins_with_it() -> None:
    office = Office(targets=(AlertTarget(channel="slack", recipient=Recipient(address="#ops")),))
    office.dies()

    office.tell()

    [post] = office.notifier.delivered
    subject = "[dispatcher] 1 dead letter: template_missing, template invoice"
    assert post.content.parts["text"].startswith(f"{subject}\n\ncause: ")


def test_letters_of_which_none_is_left_are_an_all_clear() -> None:
    office = Office()
    office.dies()
    office.tell()

    office.policy.drained(MISSING)
    office.tell()

    _, mail = office.notifier.delivered
    assert mail.content.subject == (
        "[dispatcher] all clear, no dead letter is left: template_missing, template invoice"
    )
    text = mail.content.parts["text"]
    assert "none since: 2026-01-31 12:00:10 UTC" in text
    assert "nothing to replay" in text
    assert "dispatcher failed retry" not in text


def test_a_pause_its_end_and_a_broken_set_are_told_in_words() -> None:
    office = Office()
    office.policy.trouble(channel_trouble("slack"), "refused")
    office.policy.trouble(LEDGER, "disk is full")
    office.policy.trouble(TEMPLATES, "line 1")
    office.tell(PATIENCE)
    for trouble in (channel_trouble("slack"), LEDGER, TEMPLATES):
        office.policy.trouble(trouble, None)
    office.tell()

    assert office.subjects == [
        "[dispatcher] channel slack is paused",
        "[dispatcher] the ledger is away, nothing is sent",
        "[dispatcher] the new template set is refused",
        "[dispatcher] all clear: channel slack goes on",
        "[dispatcher] all clear: the ledger is back",
        "[dispatcher] all clear: the templates are good again",
    ]


def test_trouble_with_the_broker_is_told_in_words() -> None:
    office = Office()
    troubles = (BROKER, ALARM, queue_trouble("email.dead"))
    for trouble in troubles:
        office.policy.trouble(trouble, "no")
    office.policy.recreated(QueueRecreated("email"), "it was deleted, with the messages in it")
    office.tell(PATIENCE)
    for trouble in troubles:
        office.policy.trouble(trouble, None)
    office.tell()

    assert office.subjects == [
        "[dispatcher] the broker is away, no message is taken",
        "[dispatcher] the broker takes no messages in",
        "[dispatcher] queue email.dead cannot be used",
        "[dispatcher] queue email was deleted and is created again",
        "[dispatcher] all clear: the broker is back",
        "[dispatcher] all clear: the broker takes messages in again",
        "[dispatcher] all clear: queue email.dead can be used again",
    ]
    incident = office.notifier.delivered[3].content.parts["text"]
    assert "times:      1" in incident
    assert "Find out who deletes queues" in incident


def test_while_the_channel_that_carries_alerts_is_paused_they_wait() -> None:
    office = Office()
    office.paused.add("email")
    office.policy.trouble(channel_trouble("email"), "refused")
    office.dies()
    office.tell(2 * PATIENCE)
    assert office.notifier.calls == 0

    office.paused.clear()
    office.policy.trouble(channel_trouble("email"), None)
    office.tell()

    assert office.subjects == [
        "[dispatcher] all clear: channel email goes on",
        "[dispatcher] 1 dead letter: template_missing, template invoice",
    ]


def test_alerts_that_cannot_be_sent_are_logged_once_and_dropped() -> None:
    refused = Permanent("no", reason=FailureReason.SENDER_REFUSED)
    office = Office(Unavailable("relay is away"), refused, Unavailable("again"), None)
    with capture_logs() as logs:
        for template in "abcd":
            office.dies(template)
            office.tell()

    failures = [e for e in logs if e["event"] == "alert could not be sent; it is dropped"]
    assert [e["error"] for e in failures] == ["relay is away"]
    assert office.notifier.calls == 4
    assert office.subjects == ["[dispatcher] 1 dead letter: template_missing, template d"]


def test_a_refused_address_is_a_failure_too() -> None:
    office = Office()
    office.notifier.refusals[OPS.recipient.address] = Permanent(
        "no such user", reason=FailureReason.RECIPIENT_REFUSED
    )
    office.dies()

    with capture_logs() as logs:
        office.tell()

    assert [entry["error"] for entry in logs] == ["no such user"]


def test_a_target_that_always_refuses_is_logged_once_beside_one_that_does_not() -> None:
    bad = AlertTarget(channel="email", recipient=Recipient(address="gone@example.org"))
    office = Office(targets=(bad, OPS))
    office.notifier.refusals["gone@example.org"] = Permanent(
        "no such user", reason=FailureReason.RECIPIENT_REFUSED
    )
    with capture_logs() as logs:
        for template in "abc":
            office.dies(template)
            office.tell()

    assert [entry["channel"] for entry in logs] == ["email"]
    assert len(office.subjects) == 3


def test_a_worker_that_ends_tells_what_is_left() -> None:
    office = Office()

    async def run() -> None:
        async with office.alerter.at_work():
            office.dies()

    asyncio.run(run())

    assert len(office.subjects) == 1
