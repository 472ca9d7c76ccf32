"""The blocks of docs/install.md, run as a reader would.

What this machine has no place for is replaced: /opt, /etc, the service manager, a cluster.
"""

import re
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.integration.deploy.test_manifests import SECRETS
from tests.support.compose_stack import DISPATCHER, image_of
from tests.support.containers import require_image
from tests.support.doc_runner import blocks_of
from tests.support.tools import ROOT, run, tool
from tests.support.worker import clean_environment, wait_until

INSTALL = ROOT / "docs/install.md"
_SKIPPED = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", "mutants")


def block(heading: str) -> str:
    """The shell commands under a heading."""
    section = INSTALL.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def sh(text: str, folder: Path, *, path: str = "") -> str:
    """Run a block, which stops at the first command that fails."""
    env = clean_environment()
    del env["PYTHONPATH"]
    env |= {"PATH": f"{path}:{env['PATH']}" if path else env["PATH"]}
    return run("bash", "-euc", text, cwd=folder, env=env, seconds=600)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the tree that a block may write into."""
    return Path(shutil.copytree(ROOT, tmp_path / "checkout", ignore=_SKIPPED))


def test_each_way_to_install_is_ten_lines_at_most() -> None:
    blocks = blocks_of(INSTALL, "sh")

    assert len(blocks) == 5
    assert max(text.count("\n") for _, text in blocks) <= 10


@pytest.mark.slow
def test_the_block_for_pip_ends_with_the_demo(tmp_path: Path, checkout: Path) -> None:
    text = block("pip, pipx or uv").replace("/opt/dispatcher", str(tmp_path / "opt"))

    said = sh(text, checkout)

    assert "mails/dispatcher.toml" in {
        str(p.relative_to(checkout)) for p in checkout.glob("mails/*")
    }
    assert "sent" in said


@pytest.mark.slow
def test_the_block_for_systemd_installs_a_unit_whose_files_are_there(
    tmp_path: Path, checkout: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("systemctl", "journalctl"):  # no service manager runs here
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/asked\n')
        (programs / name).chmod(0o755)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    text = (
        block("systemd").replace("/opt/", f"{tmp_path}/opt/").replace("/etc/", f"{tmp_path}/etc/")
    )

    sh(text, checkout, path=str(programs))

    etc = tmp_path / "etc/dispatcher"
    assert (etc / "templates/welcome.jinja2").exists()
    assert (etc / "dispatcher.env").read_text().startswith("DISPATCHER_EMAIL_FROM=")
    assert (tmp_path / "asked").read_text().splitlines()[1].startswith("systemctl enable --now")
    unit = tmp_path / "etc/systemd/system/dispatcher.service"
    unit.write_text(unit.read_text().replace("/opt/", f"{tmp_path}/opt/"))
    run(tool("systemd-analyze"), "verify", unit)


def test_the_block_for_kubernetes_reads_what_it_applies(checkout: Path) -> None:
    for name in SECRETS:
        (checkout / "deploy/kubernetes/secrets" / name).write_text("redis://localhost")
    commands = block("Kubernetes").splitlines()
    assert [line.split()[0] for line in commands] == ["cd", *["kubectl"] * 4]
    read = commands[1].replace("kubectl kustomize", tool("kustomize") + " build")

    built = sh("\n".join((commands[0], read.replace("| less", "| cat"))), checkout)

    assert "kind: Deployment" in built


@pytest.mark.slow
def test_the_block_for_one_container_starts_a_worker_that_ends_well() -> None:
    image = image_of(DISPATCHER)
    require_image(image)
    name = f"dispatcher-test-{uuid.uuid4().hex[:8]}"
    text = block("One container")
    build, _, start = text.partition("\n")
    assert build == "docker build -t dispatcher ."  # .ci/images does that
    start = start.replace("--name dispatcher", f"--name {name}")
    start = start.replace("-v dispatcher:/data", f"-v {name}:/data")
    assert start.rstrip().endswith("\n    dispatcher")
    start = start.rstrip().removesuffix("dispatcher") + image
    docker = tool("docker")

    def log() -> str:
        done = subprocess.run([docker, "logs", name], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    try:
        sh(start, ROOT)
        wait_until(lambda: "worker starting" in log(), on_failure=log)
        run(docker, "stop", name)
        code = run(docker, "inspect", "--format", "{{.State.ExitCode}}", name)
        assert code.strip() == "0", log()
    finally:
        run(docker, "rm", "-f", name)
        run(docker, "volume", "rm", "-f", name)
