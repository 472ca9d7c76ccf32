"""Settings are read once, and every fault names the variable to mend."""

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.rabbitmq.settings import Binding
from adapters.urls import redacted
from entrypoints.cli.about import value_of
from entrypoints.settings import SettingsInvalid, load_settings
from entrypoints.start import worker_settings
from tests.unit.entrypoints.loading import RABBIT, faults, load, of_channel


def test_without_any_variable_the_embedded_queue_and_a_local_mailbox_are_used() -> None:
    settings = load({})

    assert settings.broker == "sqlite:///var/queue.db"
    assert value_of(settings, "email_url") == ("maildir:var/mail", True)
    assert settings.active_queues == {"email": "email", "telegram": "telegram", "slack": "slack"}


def test_with_a_real_broker_an_unset_relay_leaves_the_channel_unconfigured() -> None:
    settings = load(RABBIT)

    with pytest.raises(SettingsInvalid, match="DISPATCHER_EMAIL_URL"):
        worker_settings(settings, None)


def test_values_are_read_in_their_units() -> None:
    settings = load(
        {
            "DISPATCHER_MAX_BODY": "500KB",
            "DISPATCHER_GRACE": "1m",
            "DISPATCHER_RETRY_DELAYS": "200ms,10s",
            "DISPATCHER_BINDINGS": "shop:order.paid=email",
            "DISPATCHER_TEMPLATES_AUTOESCAPE": "off",
        }
    )

    assert settings.max_body == 500_000
    assert settings.grace == timedelta(minutes=1)
    assert settings.retry_delays == (timedelta(milliseconds=200), timedelta(seconds=10))
    assert settings.bindings == (Binding(exchange="shop", routing_key="order.paid", queue="email"),)
    assert settings.templates_autoescape is False


def test_all_faults_come_at_once_each_with_its_variable() -> None:
    found = faults(
        {
            "DISPATCHER_BROKR_URL": "amqp://x",
            "DISPATCHER_GRACE": "soon",
            "DISPATCHER_EMAIL_POOL": "0",
            "DISPATCHER_TOPOLOGY": "mine",
        }
    )

    assert [line.split(":")[0] for line in sorted(found)] == [
        "DISPATCHER_BROKR_URL",
        "DISPATCHER_EMAIL_POOL",
        "DISPATCHER_GRACE",
        "DISPATCHER_TOPOLOGY",
    ]
    assert "did you mean DISPATCHER_BROKER_URL?" in "".join(found)


@pytest.mark.parametrize(
    "environ",
    [
        {"DISPATCHER_CHANNELS": "email,webgui"},
        {"DISPATCHER_QUEUES": "email=webgui"},
        {"DISPATCHER_QUEUES": "webgui=email"},
        {"DISPATCHER_BINDINGS": "shop:key=webgui"},
        {"DISPATCHER_TARGETS__WEBGUI": "json://host"},
        {"DISPATCHER_ALERTS_TO": "email:ops@example.org,webgui:x"},
    ],
    ids=lambda environ: "=".join(*environ.items()),
)
def test_the_queue_of_another_program_is_refused_wherever_it_is_named(
    environ: dict[str, str],
) -> None:
    [fault] = faults(environ)

    assert fault.startswith(next(iter(environ)))
    assert "belongs to another program" in fault


def test_production_refuses_the_embedded_queue_and_a_captured_mailbox() -> None:
    embedded = faults({"DISPATCHER_ENV": "production"})
    captured = faults(
        {**RABBIT, "DISPATCHER_ENV": "production", "DISPATCHER_EMAIL_URL": "maildir:/tmp/mail"}
    )

    assert [line.split(":")[0] for line in embedded] == ["DISPATCHER_BROKER_URL"]
    assert [line.split(":")[0] for line in captured] == ["DISPATCHER_EMAIL_URL"]


def test_a_secret_may_come_from_a_file_but_not_from_two_places(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("smtp+starttls://user:pass@relay.example.com\n")
    twin = {"DISPATCHER_EMAIL_URL_FILE": str(secret)}

    assert of_channel(twin, "email").url.value == "smtp+starttls://user:pass@relay.example.com"
    assert "set only one" in faults({**twin, "DISPATCHER_EMAIL_URL": "smtp://relay"})[0]
    missing = faults({"DISPATCHER_EMAIL_URL_FILE": str(tmp_path / "absent")})
    assert missing[0].startswith("DISPATCHER_EMAIL_URL_FILE: cannot read")


def test_a_password_in_clear_is_refused_without_being_shown() -> None:
    [fault] = faults({"DISPATCHER_EMAIL_URL": "smtp://user:hunter2@relay.example.com"})

    assert fault.startswith("DISPATCHER_EMAIL_URL:")
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BROKER_URL", "amqp://u:se#krit@h/", "amqp://"),
        ("BROKER_URL", "amqp://h:99999/", "amqp://"),
        ("BROKER_URL", "sqlite:///", "names no file"),
        ("LEDGER_URL", "mysql://h", "must begin with"),
        ("LEDGER_URL", "sqlite:///", "names no file"),
        ("PREFETCH", "70000", "at most 65535"),
        ("CHANNELS", ",", "at least one"),
        ("RETRY_DELAYS", ",", "at least one"),
        ("QUEUE_ARGUMENTS", '{"x-message-ttl": NaN}', "NaN"),
        ("QUEUE_ARGUMENTS", '{"a": null}', "a:"),
        ("QUEUES", "email=mails.dead", "dead letters"),
        ("QUEUES", "email=mails.retry.1000", "retries"),
        ("BINDINGS", "shop:key=nobody", "no queue of DISPATCHER_QUEUES"),
        ("ENV", "prod", "did you mean production?"),
    ],
)
def test_a_value_that_cannot_work_is_told_by_its_own_variable(
    name: str, value: str, words: str
) -> None:
    [fault] = faults({f"DISPATCHER_{name}": value})

    assert fault.startswith(f"DISPATCHER_{name}:")
    assert words in fault
    assert "krit" not in fault


def test_the_environment_wins_over_the_file_and_origins_are_known(tmp_path: Path) -> None:
    toml = tmp_path / "dispatcher.toml"
    toml.write_text('grace = "5s"\nprefetch = 7\nchannels = ["email"]\n')

    loaded = load_settings({"DISPATCHER_GRACE": "9s"}, toml)

    assert loaded.settings.grace == timedelta(seconds=9)
    assert loaded.settings.prefetch == 7
    assert loaded.origins["grace"] == "DISPATCHER_GRACE"
    assert loaded.origins["prefetch"] == str(toml)


def test_an_unknown_key_in_the_file_is_a_fault_with_a_hint(tmp_path: Path) -> None:
    toml = tmp_path / "dispatcher.toml"
    toml.write_text('email_ulr = "smtp://relay"\n')

    [fault] = faults({}, toml)

    assert "email_ulr" in fault
    assert "DISPATCHER_EMAIL_URL" in fault


@pytest.mark.parametrize(
    "name",
    [
        "DISPATCHER_TEST_AMQP_URL",
        "DISPATCHER_PORT",
        "DISPATCHER_PORT_5672_TCP_ADDR",
        "DISPATCHER_SERVICE_HOST",
        "DISPATCHER_SERVICE_PORT_AMQP",
        "DISPATCHER_WORKER_SERVICE_HOST",
    ],
)
def test_names_of_the_tests_and_of_a_cluster_are_passed_over(name: str) -> None:
    assert load({name: "tcp://10.0.0.1:80"}) == load({})


def test_where_probes_listen_is_a_host_and_a_port() -> None:
    addresses = ("127.0.0.1:8080", "[::]:80", "localhost:0")

    assert [str(load({"DISPATCHER_HTTP": text}).http) for text in addresses] == [*addresses]


@pytest.mark.parametrize(
    "text", ["8080", ":8080", "host", "host:", "host:65536", "http://host:80", "::1:80", "a b:80"]
)
def test_a_place_to_listen_that_is_none_is_refused(text: str) -> None:
    [fault] = faults({"DISPATCHER_HTTP": text})

    assert fault.startswith("DISPATCHER_HTTP: must be host:port")


def test_asking_a_worker_for_a_channel_that_is_not_configured_names_what_to_set() -> None:
    settings = load({**RABBIT, "DISPATCHER_EMAIL_URL": "smtp://relay"})

    assert worker_settings(settings, "email").active_queues == {"email": "email"}
    with pytest.raises(SettingsInvalid, match="telegram"):
        worker_settings(settings, "telegram")
    with pytest.raises(SettingsInvalid, match="another program"):
        worker_settings(settings, "webgui")


def test_a_url_is_shown_without_its_password() -> None:
    shown = redacted("amqp://user:secret@broker:5672/vhost?heartbeat=30")

    assert shown == "amqp://user:***@broker:5672/vhost"


@pytest.mark.parametrize("name", ["DISPATCHER_LEDGER_URL", "DISPATCHER_BROKER_URL"])
def test_a_file_that_cannot_be_made_is_told_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    [in_the_way] = faults({name: f"sqlite:///{tmp_path}/file/deeper/queue.db"})
    [a_folder] = faults({name: f"sqlite:///{tmp_path}"})

    assert in_the_way == f"{name}: {tmp_path}/file is in the way: it must name a file in a folder"
    assert a_folder == f"{name}: {tmp_path} is in the way: it must name a file in a folder"
    load({name: f"sqlite:///{tmp_path}/new/folders/queue.db"})


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///queue.db,amqp://user:s3cret@host/",
        "amqp://user:s3cret@host/,sqlite:///queue.db",
        "amqp://user:s3cret@host/, sqlite:////var/queue.db",
        "sqlite:///one.db,sqlite:///two.db",
    ],
)
def test_field_7_3_the_embedded_queue_in_a_list_of_brokers_is_refused_by_name(url: str) -> None:
    [fault] = faults({"DISPATCHER_BROKER_URL": url})

    assert fault.startswith("DISPATCHER_BROKER_URL: must not have the embedded queue")
    assert "s3cret" not in fault


@pytest.mark.parametrize("scheme", ["redis+socket", "redis+unix", "rediss+tcp"])
def test_field_7_12_a_scheme_of_redis_that_is_not_supported_is_refused_with_those_that_are(
    scheme: str,
) -> None:
    [fault] = faults({"DISPATCHER_LEDGER_URL": f"{scheme}:///run/redis.sock"})

    assert fault.startswith("DISPATCHER_LEDGER_URL: must begin with")
    assert "unix://" in fault
