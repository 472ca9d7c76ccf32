"""A channel is one folder and one line: a copy of the program gets one, and all of it knows it."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support.documents import EXAMPLE
from tests.support.http_server import Answer, HttpServer
from tests.support.worker import ROOT, clean_environment

TOKEN = "t0ken"
LAST_LINE = '    "apprise",\n'
PARTS = {"carrier": "Your order {{ number }} is on its way.", "html": "<p>{{ number }}</p>"}


@dataclass(frozen=True)
class Copy:
    """A copy of the program with one more channel."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> "Copy":
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
        listed = folder / "src/adapters/channels/__init__.py"
        lines = listed.read_text()
        assert LAST_LINE in lines
        listed.write_text(lines.replace(LAST_LINE, f'{LAST_LINE}    "carrier",\n'))
        for name, text in PARTS.items():
            part = folder / f"templates/shipped/{name}.jinja2"
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text)
        example = folder / "templates/shipped/examples/order.json"
        example.parent.mkdir()
        example.write_text('{"to": "ann@example.com", "parameters": {"number": "A-17"}}')
        return cls(folder)

    async def start(self, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
        environment = clean_environment(**{"templates_dir": "templates", **settings})
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env={**environment, "PYTHONPATH": str(self.folder / "src")},
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, **settings: str) -> str:
        """What `dispatcher` prints with these arguments; fails where it does not exit with 0."""
        process = await self.start(*_DISPATCHER, *arguments, **settings)
        stdout, stderr = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, (arguments, stdout.decode(), stderr.decode())
        return stdout.decode()

    async def read(self, *arguments: str, **settings: str) -> Any:
        return json.loads(await self.run(*arguments, "--json", **settings))

    @asynccontextmanager
    async def served(self, *arguments: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
        """What a command shows at a path, while it serves a page."""
        process = await self.start(*_DISPATCHER, *arguments, "--port", "0")
        assert process.stderr is not None
        try:
            line = (await process.stderr.readline()).decode()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert found, line
            yield lambda path: asyncio.to_thread(_get, found[0] + path)
        finally:
            process.kill()
            await process.communicate()


_DISPATCHER = ("-c", "from entrypoints.cli import main; main()")


def _get(url: str) -> str:
    with urlopen(url, timeout=20) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy.made(tmp_path)


def test_a_channel_that_is_added_sends_and_is_shown_by_every_command(copy: Copy) -> None:
    async def main() -> None:
        async with HttpServer(default=Answer(200, {"account": "Shop"})) as carrier:
            settings = {"carrier_url": f"{carrier.url}/v1", "carrier_token": TOKEN}
            await copy.run("send", "shipped", "--channel", "carrier", "--fake", "2", **settings)
            _, checks, rows, templates = await asyncio.gather(
                copy.run("worker", "--drain", **settings),
                copy.read("doctor", **settings),
                copy.read("config", "show", **settings),
                copy.read("templates", "list"),
            )

            sent = [one.json() for one in carrier.requests if one.path == "/v1/messages"]
            assert [one["text"] for one in sent] == ["Your order A-17 is on its way."] * 2
            assert all(re.fullmatch(r"\+1555\d{7}", one["to"]) for one in sent)
            assert carrier.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
            told = {check["name"]: check["detail"] for check in checks}
            assert told["carrier"] == "we are Shop"
            shown = {row["variable"]: row["value"] for row in rows}
            assert shown["DISPATCHER_CARRIER_URL"] == carrier.url
            assert shown["DISPATCHER_CARRIER_TOKEN"] == "***"
            assert shown["DISPATCHER_CARRIER_FROM"] is None
            [template] = templates
            assert "carrier" in template["channels"]
            assert "carrier" in template["parts"]

    asyncio.run(main())


def test_a_channel_that_is_added_is_captured_guarded_and_read(copy: Copy) -> None:
    async def main() -> None:
        guard = {"only_to": "*@example.com", "redirect_to": "carrier:+15550000001"}
        send = ("send", "shipped", "--channel", "carrier", "--to", "+15550000002")
        await copy.run(*send, "--data", '{"number": "B-4"}')
        await copy.run("worker", "--drain", **guard)

        async with copy.served("mailbox") as page:
            listed = await page("/")
            found = re.search(r"/m/\w+", listed)
            assert found
            assert "carrier" in listed
            kept = await page(found[0])
        assert "Your order B-4 is on its way." in kept
        assert "It was meant for: +15550000002" in kept
        async with copy.served("preview") as page:
            assert "Your order A-17 is on its way." in await page("/t/shipped")

    asyncio.run(main())


def test_the_settings_of_a_channel_that_is_added_are_checked_by_their_names(copy: Copy) -> None:
    async def main() -> tuple[int | None, str]:
        process = await copy.start(*_DISPATCHER, "config", "show", carrier_url="nowhere")
        _stdout, stderr = await process.communicate()
        return process.returncode, stderr.decode()

    code, told = asyncio.run(main())

    assert code == 78
    assert "DISPATCHER_CARRIER_URL: must be an http:// or https:// URL" in told
    assert "DISPATCHER_CARRIER_TOKEN: must be set as well" in told


def test_a_channel_that_is_added_is_under_the_notifiers_contract(copy: Copy) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "unit", "templates", "golden", "examples")
    shutil.copytree(ROOT / "tests", copy.folder / "tests", ignore=ignored, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", copy.folder)
    suite = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    only = (
        "tests/integration/channels/test_notifier_contract.py",
        "-k",
        "TestCarrier and not silent",
    )

    async def main() -> tuple[int | None, str]:
        process = await copy.start(*suite, *only)
        stdout, _stderr = await process.communicate()
        return process.returncode, stdout.decode()

    code, told = asyncio.run(main())

    assert code == os.EX_OK, told
    assert int(re.findall(r"(\d+) passed", told)[0]) > 20
