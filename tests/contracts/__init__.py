"""Suites that every adapter of a port runs under."""

import pytest

# Not test modules by name, so their asserts would say nothing but that they failed.
pytest.register_assert_rewrite(
    *(f"tests.contracts.inbound_{part}" for part in ("consuming", "ending", "settling")),
    "tests.contracts.notifier",
)
