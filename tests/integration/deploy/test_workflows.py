"""What .github/ has: valid, with few rights, and with nothing that another may change under us."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from tests.support.tools import ROOT, run, tool

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
IMAGE = "deploy/kubernetes/kustomization.yaml"
PLACEHOLDERS = {
    "pyproject.toml": "https://example.org/dispatcher",
    "SECURITY.md": "security@example.org",
    IMAGE: "registry.example.org/dispatcher",
}
"""What the owner fills in, by its place."""
_USE = re.compile(r"uses: (\S+)(.*)")


def steps_of(job: str, *beginnings: str) -> list[str]:
    """The commands of the release that begin so, in order."""
    steps = yaml.safe_load((GITHUB / "workflows/release.yml").read_text())["jobs"][job]["steps"]
    return [run for step in steps if (run := step.get("run", "")).startswith(beginnings)]


def test_the_workflows_are_valid() -> None:
    run(tool("actionlint"), *WORKFLOWS)


def test_the_workflows_have_no_known_weakness() -> None:
    run(tool("zizmor"), "--offline", "--no-config", "--quiet", GITHUB)


def test_each_action_is_named_by_its_commit_and_says_its_version() -> None:
    uses = [use for path in WORKFLOWS for use in _USE.findall(path.read_text())]

    assert uses
    for name, version in uses:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name), name
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", version), name


def test_a_workflow_has_no_rights_but_those_that_a_job_names() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["permissions"]
            assert job["timeout-minutes"]


def test_the_tests_run_on_each_python_that_the_package_names() -> None:
    named = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())

    workflow = yaml.safe_load((GITHUB / "workflows/tests.yml").read_text())

    assert workflow["jobs"]["pythons"]["strategy"]["matrix"]["python"] == named


@pytest.mark.slow
def test_the_release_makes_a_wheel_and_lists_its_parts(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("src", "templates", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    env = os.environ | {"PATH": f"{tmp_path}/venv/bin:{os.environ['PATH']}"}

    for command in steps_of("wheel", "pip ", "cyclonedx-py "):
        run("bash", "-ec", command, cwd=tmp_path, env=env, seconds=300)

    [wheel] = tmp_path.glob("dist/*.whl")
    with ZipFile(wheel) as files:
        assert {"entrypoints/cli/__init__.py", "entrypoints/samples/welcome.jinja2"} <= set(
            files.namelist()
        )
    parts = json.loads((tmp_path / "dist/sbom.cdx.json").read_text())["components"]
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements/runtime.txt").read_text(), re.M)
    assert {part["name"] for part in parts} == set(locked)


@pytest.mark.parametrize(
    ("name", "tag", "said"),
    [
        ("registry.example.org/dispatcher", "v1.2.3", "fill in the image's name"),
        ("ghcr.io/acme/dispatcher", "v1.2.4", "newTag is 1.2.3, the release is v1.2.4"),
        ("ghcr.io/acme/dispatcher", "v1.2.3", ""),
    ],
)
def test_a_release_pushes_the_image_that_the_manifests_name(
    tmp_path: Path, name: str, tag: str, said: str
) -> None:
    (tmp_path / "deploy/kubernetes").mkdir(parents=True)
    text = (ROOT / IMAGE).read_text()
    assert f"newName: {PLACEHOLDERS[IMAGE]}" in text
    text = text.replace(PLACEHOLDERS[IMAGE], name)
    (tmp_path / IMAGE).write_text(re.sub(r"newTag: .*", "newTag: 1.2.3", text))
    (tmp_path / "env").touch()
    env = os.environ | {"GITHUB_REF_NAME": tag, "GITHUB_ENV": str(tmp_path / "env")}
    [command] = steps_of("image", "file=")

    done = subprocess.run(["bash", "-ec", command], cwd=tmp_path, env=env, capture_output=True)

    assert (done.returncode == 0) == (said == "")
    assert said in done.stderr.decode()
    assert (tmp_path / "env").read_text() == ("" if said else f"IMAGE={name}\n")


def test_what_only_the_owner_knows_is_in_one_place_that_says_so() -> None:
    named = ("*.*", "docs/**/*.md", ".github/**/*.yml", "deploy/**/*.*", "src/**/*.py")
    files = {path for pattern in named for path in ROOT.glob(pattern) if path.is_file()}
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in files}

    for path, placeholder in PLACEHOLDERS.items():
        assert [name for name, text in texts.items() if placeholder in text] == [path]
        assert "Fill in: " in texts[path]


def test_the_issue_forms_ask_for_something() -> None:
    forms = [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]

    assert len(forms) == 2
    for path in forms:
        form = yaml.safe_load(path.read_text())
        assert form["name"]
        assert form["description"]
        assert any(field.get("validations", {}).get("required") for field in form["body"])
