"""What is learned about a relay is kept by its name."""

from adapters.channels.shared.learned import Fact, Learned


def test_a_number_is_kept_by_relay_and_fact() -> None:
    learned = Learned()

    learned.note("a:25", Fact.RATE, 13.5)
    learned.note("a:25", Fact.CONNECTIONS, 3)
    learned.note("b:587", Fact.SESSION_MAILS, 100)

    assert learned.get("a:25", Fact.RATE) == 13.5
    assert learned.get("b:587", Fact.RATE) is None
    assert learned.snapshot() == {
        "a:25": {"rate": 13.5, "connections": 3},
        "b:587": {"session_mails": 100},
    }


def test_a_limit_that_is_gone_is_forgotten() -> None:
    learned = Learned()
    learned.note("a:25", Fact.RATE, 13.5)

    learned.note("a:25", Fact.RATE, None)
    learned.note("b:25", Fact.RATE, None)

    assert learned.get("a:25", Fact.RATE) is None
    assert learned.snapshot() == {}
