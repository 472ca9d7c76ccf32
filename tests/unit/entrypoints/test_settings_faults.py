"""All faults of the settings come at once, and none that only follows from another."""

from tests.unit.entrypoints.loading import faults


def test_faults_of_kind_and_of_meaning_come_together() -> None:
    found = faults(
        {
            "DISPATCHER_BROKER_URL": "http://broker",
            "DISPATCHER_EMAIL_URL": "ftp://relay",
            "DISPATCHER_GRACE": "soon",
            "DISPATCHER_TOPOLOGY": "mine",
            "DISPATCHER_BINDINGS": "shop:key=none",
        }
    )

    assert {line.split(":")[0] for line in found} == {
        "DISPATCHER_BROKER_URL",
        "DISPATCHER_EMAIL_URL",
        "DISPATCHER_GRACE",
        "DISPATCHER_TOPOLOGY",
        "DISPATCHER_BINDINGS",
    }
    assert "should be 'adopt', 'own' or 'none'" in "".join(found)


def test_what_does_not_fit_to_an_unreadable_value_is_no_fault_of_its_own() -> None:
    found = faults({"DISPATCHER_QUEUES": "email", "DISPATCHER_BINDINGS": "shop:key=mails"})
    unread = faults({"DISPATCHER_BROKER_URL_FILE": "/no/file", "DISPATCHER_ENV": "production"})

    assert [line.split(":")[0] for line in found] == ["DISPATCHER_QUEUES"]
    assert [line.split(":")[0] for line in unread] == ["DISPATCHER_BROKER_URL_FILE"]
