"""What .github/ has: valid, with few rights, and with nothing that another may change under us."""

import re

import yaml

from tests.support.tools import ROOT, run, tool

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
_USE = re.compile(r"uses: (\S+)(.*)")


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


def test_the_issue_forms_ask_for_something() -> None:
    forms = [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]

    assert len(forms) == 2
    for path in forms:
        form = yaml.safe_load(path.read_text())
        assert form["name"]
        assert form["description"]
        assert any(field.get("validations", {}).get("required") for field in form["body"])
