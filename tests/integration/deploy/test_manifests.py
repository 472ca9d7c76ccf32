"""Every file in deploy/ is read by the program that it is for."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.tools import ROOT, run, tool

DEPLOY = ROOT / "deploy"
SCHEMAS = Path(__file__).parent / "schemas"
SECRETS = ("broker-url", "email-url", "ledger-url")
_ALL_CHANNELS = {
    "DISPATCHER_BROKER_URL": "amqp://worker:secret@localhost/",
    "DISPATCHER_EMAIL_URL": "smtp://localhost",
    "DISPATCHER_TELEGRAM_TOKEN": "1:token",
    "DISPATCHER_SLACK_TOKEN": "xoxb-token",
}


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """What kustomize makes of the base, with secrets: the file, and the objects in it."""
    folder = tmp_path_factory.mktemp("kubernetes") / "base"
    shutil.copytree(DEPLOY / "kubernetes", folder)
    for name in SECRETS:
        (folder / "secrets" / name).write_text("redis://localhost")
    built = folder.parent / "all.yaml"
    built.write_text(run(tool("kustomize"), "build", folder))
    return built, list(yaml.safe_load_all(built.read_text()))


def test_the_kubernetes_base_is_valid(manifests: tuple[Path, list[dict[str, Any]]]) -> None:
    built, objects = manifests
    known = [entry for entry in objects if not entry["apiVersion"].startswith("keda.sh/")]
    built.with_name("known.yaml").write_text(yaml.safe_dump_all(known))

    done = subprocess.run(
        [tool("kubernetes-validate"), "--strict", built.with_name("known.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )

    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "WARN" not in said
    assert said.count("passed for resource") == len(known) == 5


def test_the_keda_objects_fit_kedas_own_schemas(
    manifests: tuple[Path, list[dict[str, Any]]],
) -> None:
    schemas = {
        (schema := yaml.safe_load(path.read_text()))["spec"]["names"]["kind"]: schema
        for path in SCHEMAS.glob("*.yaml")
    }
    objects = [entry for entry in manifests[1] if entry["apiVersion"].startswith("keda.sh/")]
    assert sorted(entry["kind"] for entry in objects) == sorted(schemas)

    for entry in objects:
        [version] = schemas[entry["kind"]]["spec"]["versions"]
        schema = version["schema"]["openAPIV3Schema"]
        schema["properties"]["metadata"] = {"type": "object", "additionalProperties": True}
        jsonschema.Draft202012Validator(_strict(schema)).validate(entry)


def test_kedas_reference_follows_the_name_of_the_secret(
    manifests: tuple[Path, list[dict[str, Any]]],
) -> None:
    by_kind = {entry["kind"]: entry for entry in manifests[1]}

    [reference] = by_kind["TriggerAuthentication"]["spec"]["secretTargetRef"]

    assert reference["name"] == by_kind["Secret"]["metadata"]["name"] != "dispatcher"
    assert reference["key"] in by_kind["Secret"]["data"]


def test_each_manifest_stops_a_worker_later_than_its_grace() -> None:
    pod = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text())["spec"]["template"]
    unit = (DEPLOY / "systemd/dispatcher.service").read_text()
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["dispatcher"]
    grace = 30  # the default of DISPATCHER_GRACE, in seconds

    assert service["environment"]["DISPATCHER_GRACE"] == f"{grace}s"
    assert pod["spec"]["terminationGracePeriodSeconds"] > grace
    assert float(service["stop_grace_period"].removesuffix("s")) > grace
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert stop is not None
    assert int(stop.group(1)) > grace


def test_the_systemd_unit_is_valid_and_has_few_rights(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    unit = (DEPLOY / "systemd/dispatcher.service").read_text()
    command = tmp_path / "dispatcher"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    here = tmp_path / "dispatcher.service"
    here.write_text(unit.replace("/opt/dispatcher/bin/dispatcher", str(command)))

    run(analyze, "verify", here)
    exposure = run(analyze, "security", "--offline=true", "--threshold=20", here)

    assert "OK" in exposure.splitlines()[-1]


def test_the_alert_rules_are_valid_and_fire_when_they_must() -> None:
    promtool = tool("promtool")
    folder = DEPLOY / "prometheus"

    run(promtool, "check", "config", folder / "prometheus.yml")
    said = run(promtool, "test", "rules", folder / "rules.test.yml")

    assert "SUCCESS" in said


def test_grafanas_own_types_read_the_dashboards() -> None:
    dashboards = sorted((DEPLOY / "grafana/dashboards").iterdir())

    said = run(tool("check-dashboard"), *dashboards)

    assert said.count("panels are valid") == len(dashboards) > 0


def test_grafana_is_given_the_dashboards_and_the_prometheus_of_the_same_stack() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    provisioning = DEPLOY / "grafana/provisioning"
    [provider] = yaml.safe_load((provisioning / "dashboards/dispatcher.yaml").read_text())[
        "providers"
    ]
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    dashboard = json.loads((DEPLOY / "grafana/dashboards/dispatcher.json").read_text())
    [variable] = dashboard["templating"]["list"]

    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert provider["type"] == "file"
    service, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()  # type: ignore[union-attr]
    assert services[service]["image"].rpartition("/")[2].startswith("prometheus:")
    assert f"--url=http://localhost:{port}" in services[service]["healthcheck"]["test"]
    assert (variable["query"], variable["current"]["value"]) == (source["type"], source["uid"])


def test_every_panel_of_the_dashboard_asks_the_data_source_that_is_chosen() -> None:
    dashboard = json.loads((DEPLOY / "grafana/dashboards/dispatcher.json").read_text())

    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource"]
    for panel in dashboard["panels"]:
        sources = {panel["datasource"]["uid"], *(t["datasource"]["uid"] for t in panel["targets"])}
        assert sources == {"${datasource}"}
        assert panel["targets"]


def test_the_compose_files_are_valid(tmp_path: Path) -> None:
    docker = tool("docker")
    run(tool("dispatcher"), "init", tmp_path)

    ours = run(docker, "compose", "config", "--services").split()
    written = run(docker, "compose", "-f", tmp_path / "compose.yaml", "config", "--services")
    shared = run(
        docker, "compose", "--env-file", "deploy/compose/redis.env", "config", "--services"
    )

    assert set(ours) == {"traefik", "rabbitmq", "mailbox", "dispatcher"}
    assert set(written.split()) == {"rabbitmq", "mailbox"}
    assert set(shared.split()) == {*ours, "redis"}


def test_a_traefik_that_reads_labels_finds_console_and_mailbox() -> None:
    files = ("-f", "compose.yaml", "-f", "deploy/compose/labels.yaml")
    env = {**os.environ, "DOMAIN": "example.org", "TRAEFIK_NETWORK": "web"}
    merged = run(tool("docker"), "compose", *files, "config", "--format", "json", env=env)

    stack = json.loads(merged)

    assert stack["networks"]["traefik"] == {"name": "web", "external": True, "ipam": {}}
    for service, name, port in (("rabbitmq", "rabbit", "15672"), ("mailbox", "mail", "8025")):
        labels = stack["services"][service]["labels"]
        assert labels["traefik.enable"] == "true"
        assert labels["traefik.docker.network"] == "web"
        assert labels[f"traefik.http.routers.{name}.rule"] == f"Host(`{name}.example.org`)"
        assert labels[f"traefik.http.services.{name}.loadbalancer.server.port"] == port
        assert set(stack["services"][service]["networks"]) == {"default", "traefik"}
    assert "labels" not in stack["services"]["dispatcher"]


def test_rabbitmqs_definitions_are_what_the_worker_declares(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "DISPATCHER_HOME": str(tmp_path), **_ALL_CHANNELS}
    topology = run(tool("dispatcher"), "topology", "show", "--json", env=env)

    made = run(tool("python3"), DEPLOY / "rabbitmq/definitions.py", stdin=topology)

    assert json.loads(made) == json.loads((DEPLOY / "rabbitmq/definitions.json").read_text())


def test_rabbitmqs_definitions_let_a_worker_write_to_the_exchange_of_the_events(
    tmp_path: Path,
) -> None:
    env = {"PATH": os.environ["PATH"], "DISPATCHER_HOME": str(tmp_path), **_ALL_CHANNELS}
    env |= {"DISPATCHER_EVENTS": "dispatcher.events"}
    topology = run(tool("dispatcher"), "topology", "show", "--json", env=env)

    made = json.loads(run(tool("python3"), DEPLOY / "rabbitmq/definitions.py", stdin=topology))

    rights = {one["user"]: one for one in made["permissions"]}
    usual = {
        one["user"]: one
        for one in json.loads((DEPLOY / "rabbitmq/definitions.json").read_text())["permissions"]
    }
    assert re.fullmatch(rights["dispatcher"]["write"], "dispatcher.events")
    assert re.fullmatch(rights["dispatcher-setup"]["configure"], "dispatcher.events")
    assert rights["dispatcher"]["read"] == usual["dispatcher"]["read"]
    assert rights["producer"] == usual["producer"]
    assert {e["name"]: e["type"] for e in made["exchanges"]}["dispatcher.events"] == "topic"


def _strict(schema: Any) -> Any:
    """Refuse fields that a schema does not name, as a server that prunes them does not."""
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: [_strict(entry) for entry in value] if isinstance(value, list) else _strict(value)
        for key, value in schema.items()
    }
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        strict["properties"] = {
            name: _strict(entry) for name, entry in schema["properties"].items()
        }
        strict.setdefault("additionalProperties", False)
    return strict
