"""The settings for signing in to a relay with a token: which go together."""

import pytest

from tests.unit.entrypoints.loading import faults, load

URL = "smtps://ann@relay.example.com?auth=xoauth2"
OAUTH2 = "DISPATCHER_EMAIL_OAUTH2_"
ENDPOINT = {f"{OAUTH2}TOKEN_URL": "https://login.example.com/token", f"{OAUTH2}CLIENT_ID": "me"}


def test_a_token_client_credentials_or_a_refresh_token_is_enough() -> None:
    for more in (
        {f"{OAUTH2}ACCESS_TOKEN": "t"},
        {**ENDPOINT, f"{OAUTH2}CLIENT_SECRET": "s", f"{OAUTH2}SCOPE": "mail"},
        {**ENDPOINT, f"{OAUTH2}REFRESH_TOKEN": "r"},
        {
            **ENDPOINT,
            f"{OAUTH2}REFRESH_TOKEN": "r",
            f"{OAUTH2}TOKEN_URL": "http://127.0.0.1:1/token",
        },
    ):
        load({"DISPATCHER_EMAIL_URL": URL, **more})


@pytest.mark.parametrize(
    ("more", "variable", "words"),
    [
        ({}, "DISPATCHER_EMAIL_URL", f"set {OAUTH2}ACCESS_TOKEN or {OAUTH2}TOKEN_URL"),
        ({f"{OAUTH2}SCOPE": "mail"}, f"{OAUTH2}SCOPE", f"needs {OAUTH2}TOKEN_URL"),
        (
            {**ENDPOINT, f"{OAUTH2}REFRESH_TOKEN": "r", f"{OAUTH2}ACCESS_TOKEN": "t"},
            f"{OAUTH2}ACCESS_TOKEN",
            "only one of them",
        ),
        (
            {f"{OAUTH2}TOKEN_URL": "https://x/token", f"{OAUTH2}CLIENT_SECRET": "s"},
            f"{OAUTH2}CLIENT_ID",
            "must be set",
        ),
        (ENDPOINT, f"{OAUTH2}CLIENT_SECRET", f"or {OAUTH2}REFRESH_TOKEN"),
        (
            {
                **ENDPOINT,
                f"{OAUTH2}REFRESH_TOKEN": "r",
                f"{OAUTH2}TOKEN_URL": "http://login.example.com/",
            },
            f"{OAUTH2}TOKEN_URL",
            "https://",
        ),
        (
            {**ENDPOINT, f"{OAUTH2}REFRESH_TOKEN": "r", f"{OAUTH2}TOKEN_URL": "login.example.com"},
            f"{OAUTH2}TOKEN_URL",
            "https:// URL",
        ),
        *(
            (
                {**ENDPOINT, f"{OAUTH2}REFRESH_TOKEN": "r", f"{OAUTH2}TOKEN_URL": url},
                f"{OAUTH2}TOKEN_URL",
                "must be an https:// URL",
            )
            for url in (
                "https://ann:S3cret@login.example.com/token",
                "https://login.example.com/S3cret@x",
                "https://login.example.com:0/token",
                "https://login.example.com:99999/token",
                "https://login.example.com\\S3cret/token",
                "https://[::1/S3cret",
                "https:///S3cret",
                "https://login.example.com/token#S3cret",
                "ftp://login.example.com/S3cret",
            )
        ),
        ({f"{OAUTH2}ACCESS_TOKEN": "two S3cret"}, f"{OAUTH2}ACCESS_TOKEN", "without blanks"),
    ],
)
def test_field_5_7_settings_that_do_not_fit_together_are_named(
    more: dict[str, str], variable: str, words: str
) -> None:
    [fault] = faults({"DISPATCHER_EMAIL_URL": URL, **more})

    assert fault.startswith(f"{variable}: ")
    assert words in fault
    assert "S3cret" not in fault


def test_a_token_that_no_relay_asks_for_is_named() -> None:
    [fault] = faults({"DISPATCHER_EMAIL_URL": "smtp://relay", f"{OAUTH2}ACCESS_TOKEN": "t"})

    assert "?auth=xoauth2" in fault
