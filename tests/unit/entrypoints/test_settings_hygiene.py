"""Values as people write them, and what of them may ever be shown."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from entrypoints.cli.about import config
from entrypoints.cli.doctor import command as doctor
from entrypoints.settings import SettingsInvalid
from entrypoints.start import worker_settings
from tests.unit.entrypoints.loading import RABBIT, faults, load, of_channel

TOKEN = "123456789:AAE-x_Y"


@pytest.mark.parametrize(
    "around", ["{}\n", " {}\t", "\r\n{}\r\n", "\ufeff{}", "{}\u200b", "\xa0{}"]
)
@pytest.mark.parametrize("in_file", [False, True])
def test_field_7_7_what_editors_put_around_a_value_is_stripped(
    around: str, in_file: bool, tmp_path: Path
) -> None:
    text = around.format(TOKEN)
    (tmp_path / "token").write_text(text, encoding="utf-8")
    name, value = ("_FILE", str(tmp_path / "token")) if in_file else ("", text)

    token = of_channel({f"DISPATCHER_TELEGRAM_TOKEN{name}": value}, "telegram").token

    assert token.value == TOKEN
    assert token.now() == TOKEN


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("123:abc\ndef", "must not contain a line break; remove it"),
        ("123:abc\x00def", "must not contain a control character; remove it"),
        ("'123:abc'", "must not be in quotes; remove them"),
        ("123:abc def", "must be a bot's token"),
    ],
)
def test_field_7_7_a_token_that_cannot_be_used_says_why(value: str, words: str) -> None:
    [fault] = faults({"DISPATCHER_TELEGRAM_TOKEN": value})

    assert fault.startswith(f"DISPATCHER_TELEGRAM_TOKEN: {words}")
    assert "abc" not in fault


def test_field_7_7_a_tilde_is_the_home_folder_in_every_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text(TOKEN)

    settings = load(
        {
            "DISPATCHER_EMAIL_URL": "maildir:~/mail",
            "DISPATCHER_BROKER_URL": "sqlite:///~/queue.db",
            "DISPATCHER_HOME": "~/home",
            "DISPATCHER_TEMPLATES_DIR": "~/templates",
            "DISPATCHER_ATTACHMENTS_DIR": "~/files",
            "DISPATCHER_EMAIL_CA_FILE": "~/ca.pem",
            "DISPATCHER_TELEGRAM_TOKEN_FILE": "~/token",
        }
    )

    from adapters.channels.email.url import parse_email_urls
    from adapters.sqlite.url import parse_sqlite_url

    email = settings.channel_settings["email"]
    assert parse_email_urls(email.url.value) == tmp_path / "mail"
    assert parse_sqlite_url(settings.broker) == tmp_path / "queue.db"
    assert settings.home == tmp_path / "home"
    assert settings.templates_dir == tmp_path / "templates"
    assert settings.attachments_dir == tmp_path / "files"
    assert email.ca_file == tmp_path / "ca.pem"
    assert settings.channel_settings["telegram"].token.now() == TOKEN
    [fault] = faults({"DISPATCHER_HOME": "~no-such-user/home"})
    assert fault == "DISPATCHER_HOME: begins with ~, and there is no such user's home folder"


@pytest.mark.parametrize(
    ("word", "is_on"),
    [
        *((word, True) for word in ("on", "ON", "true", "yes", "1", " on ")),
        *((word, False) for word in ("off", "Off", "false", "no", "0", "off\n")),
    ],
)
def test_field_7_7_a_switch_takes_the_usual_words_and_http_can_be_off(
    word: str, is_on: bool
) -> None:
    assert load({"DISPATCHER_AUTO_RELEASE": word}).auto_release is is_on
    assert of_channel({"DISPATCHER_WEBHOOK_ALLOW_PRIVATE": word}, "webhook").allow_private is is_on
    if not is_on:
        assert load({"DISPATCHER_HTTP": word}).http is None


def test_a_file_of_a_secret_that_cannot_be_used_is_named_but_never_a_secret_given_as_its_path(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "latin").write_bytes(b"\xe4")

    empty = faults({"DISPATCHER_SLACK_TOKEN_FILE": str(tmp_path / "empty")})
    latin = faults({"DISPATCHER_SLACK_TOKEN_FILE": str(tmp_path / "latin")})
    token = faults({"DISPATCHER_SLACK_TOKEN_FILE": "xoxb-sentinel"})
    url = faults({"DISPATCHER_BROKER_URL_FILE": "amqp://user:sentinel@host/"})

    assert f"{tmp_path / 'empty'} is empty" in empty[0]
    assert f"{tmp_path / 'latin'}: is not UTF-8 text" in latin[0]
    assert "sentinel" not in token[0] + url[0]
    assert "not the value itself" in token[0]


def test_field_8_10_a_channel_that_is_asked_for_names_its_own_setting_first() -> None:
    for environ, channels in (
        ({**RABBIT, "DISPATCHER_CHANNELS": "telegram"}, None),
        (RABBIT, "telegram"),
    ):
        with pytest.raises(SettingsInvalid) as refusal:
            worker_settings(load(environ), channels)

        [fault] = refusal.value.faults
        assert fault.startswith("DISPATCHER_TELEGRAM_TOKEN: must be set")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "amqp://app:Tr@ns/port@rabbit/"),
        ("BROKER_URL", "amqp://us@er:p@:/%#@host:45672/"),
        ("BROKER_URL", "amqp://a:first@one/,amqp://b:Tr@ns/port@two/"),
        ("BROKER_URL", "amqps://app:100%@rabbit/"),
        ("EMAIL_URL", "smtps://app:Tr@ns/port@relay"),
        ("EMAIL_URL", "smtps://app:12/34@relay"),
        ("LEDGER_URL", "redis://:Tr@ns/port@host/0"),
        ("LEDGER_URL", "rediss://:12#34@host/0"),
    ],
)
def test_field_7_14_an_unencoded_password_is_refused_and_says_to_percent_encode(
    name: str, value: str
) -> None:
    found = faults({f"DISPATCHER_{name}": value})

    assert len(found) == 1, found
    assert found[0].startswith(f"DISPATCHER_{name}: must ")
    assert "percent-encode" in found[0]
    for piece in ("Tr", "ns/", "12", "34", "first", "45672", "100%@"):
        assert piece not in found[0]


URLS = {
    "BROKER_URL": "amqp://user:{}@host:5672/vhost",
    "EMAIL_URL": "smtps://user:{}@host:465",
    "LEDGER_URL": "redis://user:{}@host:6379/0",
    "TELEGRAM_API_URL": "https://user:{}@host:8443/base",
    "SLACK_API_URL": "https://user:{}@host:8443/api/",
    "EMAIL_OAUTH2_TOKEN_URL": "https://user:{}@host:8443/token",
    "SLACK_WEBHOOK_URL": "https://user:{}@host:8443/services/T0",
    "ALERTS_TO": "webhook:https://user:{}@host:8443/hook",
    "REDIRECT_TO": "webhook:https://user:{}@host:8443/hook",
    "BROKER_URL_FILE": "amqp://user:{}@host:5672/vhost",
}
ODD = st.text("@/?#:,%;[]\\&=+ \t\n'\"<>|^`{}~!$*()", min_size=1, max_size=3)
PASSWORDS = st.builds("".join, st.tuples(st.just("Secr3t"), ODD, st.just("Pa55w0rd"), ODD))
QUIET = (HealthCheck.function_scoped_fixture,)


@hypothesis_settings(deadline=None, max_examples=150, suppress_health_check=QUIET)
@given(name=st.sampled_from(sorted(URLS)), password=PASSWORDS)
@example(name="BROKER_URL", password="Secr3t,amqp://Pa55w0rd:x@other/")
@example(name="BROKER_URL", password="Secr3t@other/,amqp://u:Pa55w0rd")
def test_field_7_14_no_command_shows_a_piece_of_a_password_whatever_is_in_it(
    name: str, password: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {f"DISPATCHER_{name}": URLS[name].format(password)}
    said = []
    try:
        settings = load(environ)
    except SettingsInvalid as invalid:
        said += invalid.faults
    else:
        said.append(repr(settings))
    with monkeypatch.context() as patch:
        for variable, value in environ.items():
            patch.setenv(variable, value)
        result = CliRunner().invoke(config, ["show", "--json"])
        said += [result.output, repr(result.exception)]
        if result.exit_code == 0:
            assert json.loads(result.output)
        else:
            told = CliRunner().invoke(doctor, ["--json"])
            said += [told.output, repr(told.exception)]

    for text in said:
        assert "Secr3t" not in text
        assert "Pa55w0rd" not in text


def test_field_8_4_a_binding_may_name_the_type_of_its_exchange_once() -> None:
    bindings = load(
        {"DISPATCHER_BINDINGS": "shop(topic):mail.*=email,shop:a:b=email,plain:=telegram"}
    ).bindings

    assert [(b.exchange, b.kind, b.routing_key, b.queue) for b in bindings] == [
        ("shop", "topic", "mail.*", "email"),
        ("shop", "topic", "a:b", "email"),
        ("plain", "direct", "", "telegram"),
    ]
    assert str(bindings[0]) == "shop(topic):mail.*=email"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shop(tropic):a=email", "the type is one of direct, topic, fanout, headers"),
        ("shop(topic:a=email", "the type is one of"),
        ("(topic):a=email", "exchange(type):routing_key=queue"),
        ("shop(topic):a=email,shop(fanout):b=email", "is given two types"),
    ],
)
def test_field_8_4_a_type_that_is_none_is_refused(text: str, words: str) -> None:
    [fault] = faults({"DISPATCHER_BINDINGS": text})

    assert fault.startswith("DISPATCHER_BINDINGS: ")
    assert words in fault


def test_field_7_2_a_stream_cannot_be_asked_for_as_a_work_queue() -> None:
    [fault] = faults({"DISPATCHER_QUEUE_ARGUMENTS": '{"x-queue-type": "stream"}'})

    assert "a stream cannot be a work queue" in fault
