"""What a ledger answers to a start, and what it writes, by the rows that it has."""

from typing import Any

import pytest

from domain.ledger import RecipientState, Row, RowState, Verdict, judge
from tests.fakes import a_delivery, a_notification

ANN, BOB = "ann@example.com", "bob@example.com"
CLEAR, SENT, IN_DOUBT, BUSY, CONFLICT, POISON = RecipientState
STARTED, SENDING, DONE = RowState


def row(number: int = 1, recipient: str = ANN, **changes: Any) -> Row:
    """A row that a process left which has died since."""
    values: dict[str, Any] = {
        "id": number,
        "recipient": recipient,
        "fingerprint_fits": True,
        "state": STARTED,
        "takeovers": 0,
        "process_lives": False,
        "session_ended": True,
        "is_own": False,
    }
    return Row(**{**values, **changes})


def verdict(
    *rows: Row, to: tuple[str, ...] = (ANN,), recovered: bool = False, **delivery: Any
) -> Verdict:
    return judge(a_delivery(a_notification(to=to), **delivery), rows, has_recovered=recovered)


def without_id(*rows: Row, redelivered: bool = True, **more: Any) -> Verdict:
    return verdict(*rows, has_id=False, redelivered=redelivered, **more)


def test_who_has_no_row_is_started() -> None:
    assert verdict(to=(ANN, BOB)) == Verdict(states={ANN: CLEAR, BOB: CLEAR}, fresh=(ANN, BOB))


def test_who_was_sent_to_is_not_started_and_the_others_are() -> None:
    found = verdict(row(state=DONE), to=(ANN, BOB))

    assert found == Verdict(states={ANN: SENT, BOB: CLEAR}, fresh=(BOB,))


def test_another_body_is_a_conflict_for_all() -> None:
    found = verdict(row(state=DONE, fingerprint_fits=False), row(2, BOB), to=(ANN, BOB))

    assert found == Verdict(states={ANN: CONFLICT, BOB: CONFLICT})


@pytest.mark.parametrize(("state", "answer"), [(STARTED, CLEAR), (SENDING, IN_DOUBT)])
def test_what_a_dead_process_left_is_taken_over(state: RowState, answer: RecipientState) -> None:
    assert verdict(row(7, state=state)) == Verdict(states={ANN: answer}, taken=(7,))


def test_what_a_living_process_sends_is_busy_for_all_but_those_who_have_it() -> None:
    found = verdict(row(process_lives=True, state=SENDING), row(2, BOB, state=DONE), to=(ANN, BOB))

    assert found == Verdict(states={ANN: BUSY, BOB: SENT})
    assert verdict(row(process_lives=True), to=(ANN, BOB)).states == {ANN: BUSY, BOB: BUSY}


def test_a_third_process_that_died_with_it_makes_it_poison() -> None:
    assert verdict(row(takeovers=1)).states == {ANN: CLEAR}
    found = verdict(row(takeovers=2), row(2, BOB, state=DONE), to=(ANN, BOB))
    assert found == Verdict(states={ANN: POISON, BOB: SENT}, forgotten=(1,))


def test_all_that_is_left_of_poison_is_forgotten() -> None:
    found = verdict(row(takeovers=2), row(2, BOB), to=(ANN, BOB))

    assert found == Verdict(states={ANN: POISON, BOB: POISON}, forgotten=(1, 2))


def test_a_busy_recipient_counts_for_more_than_poison() -> None:
    found = verdict(row(takeovers=2), row(2, BOB, process_lives=True), to=(ANN, BOB))

    assert found == Verdict(states={ANN: BUSY, BOB: BUSY})


def test_a_process_has_one_recovered_delivery_at_a_time() -> None:
    assert verdict(row(), recovered=True) == Verdict(states={ANN: BUSY})
    assert verdict(recovered=True) == Verdict(states={ANN: CLEAR}, fresh=(ANN,))
    assert verdict(row(state=DONE), recovered=True) == Verdict(states={ANN: SENT})


def test_equal_messages_without_an_id_are_each_sent() -> None:
    found = without_id(row(state=DONE), redelivered=False)

    assert found == Verdict(states={ANN: CLEAR}, fresh=(ANN,))


def test_a_redelivered_message_without_an_id_uses_up_a_row_that_was_sent() -> None:
    assert without_id(row(state=DONE)) == Verdict(states={ANN: SENT}, used=(1,))


def test_a_redelivered_message_without_an_id_and_without_a_row_is_sent() -> None:
    assert without_id() == Verdict(states={ANN: CLEAR}, fresh=(ANN,))


def test_another_body_is_no_conflict_without_an_id() -> None:
    assert without_id(row(state=DONE, fingerprint_fits=False)).states == {ANN: SENT}


def test_what_is_unfinished_comes_before_what_was_sent() -> None:
    found = without_id(row(1, state=DONE), row(2, state=SENDING))

    assert found == Verdict(states={ANN: IN_DOUBT}, taken=(2,))


def test_what_a_dead_process_left_comes_before_what_a_living_one_sends() -> None:
    found = without_id(row(1, process_lives=True), row(2, state=SENDING))

    assert found == Verdict(states={ANN: IN_DOUBT}, taken=(2,))


def test_the_oldest_row_comes_first_in_whatever_order_they_are_given() -> None:
    assert without_id(row(3), row(2), row(4)).taken == (2,)


def test_while_another_process_has_a_session_that_goes_on_it_is_busy() -> None:
    going_on = row(state=DONE, session_ended=False)

    assert without_id(going_on) == Verdict(states={ANN: BUSY})
    assert without_id(row(state=DONE, session_ended=False, is_own=True)).states == {ANN: CLEAR}
    assert without_id(going_on, row(2, state=DONE)).used == (2,)


def test_busy_without_an_id_hides_that_another_has_it() -> None:
    found = without_id(
        row(process_lives=True, state=SENDING), row(2, BOB, state=DONE), to=(ANN, BOB)
    )

    assert found == Verdict(states={ANN: BUSY, BOB: BUSY})


def test_poison_without_an_id_uses_up_what_was_sent() -> None:
    found = without_id(row(takeovers=2), row(2, BOB, state=DONE), to=(ANN, BOB))

    assert found == Verdict(states={ANN: POISON, BOB: SENT}, used=(2,), forgotten=(1,))


def test_two_processes_may_take_over_before_it_is_poison() -> None:
    assert [verdict(row(takeovers=n)).states[ANN] for n in range(4)] == [
        CLEAR,
        CLEAR,
        POISON,
        POISON,
    ]
