"""The TypeScript helper, compiled in a project of its own, publishes what a worker delivers."""

import json
from pathlib import Path

import pytest

from tests.support.doc_runner import blocks_of
from tests.support.producers import (
    CHOSEN,
    ODD,
    delivered,
    helper,
    odd_templates,
    typescript_project,
)
from tests.support.rabbit import Broker, Peer
from tests.support.tools import ROOT, run

RETURNED = """
import { type ConfirmChannel, type Message, type ReturnedMessage, publish } from "./messages.js";

let listener: (message: ReturnedMessage) => void = () => undefined;
const confirms: ((error: unknown) => void)[] = [];
// A broker that first gives back what no queue takes, and then confirms all of them at once.
const channel: ConfirmChannel = {
  publish(exchange, routingKey, _content, { messageId }, callback) {
    if (routingKey === "absent") {
      const fields = { exchange, routingKey, replyText: "NO_ROUTE" };
      queueMicrotask(() => listener({ fields, properties: { messageId } }));
    }
    confirms.push(callback);
    return true;
  },
  on(_event, given) {
    listener = given;
  },
};
const message: Message = {
  id: "order-1",
  to: "ann@example.com",
  template: "welcome",
  parameters: { name: "Ann", link: "https://example.com" },
};
const all = Promise.allSettled(
  ["absent", "email", "absent", "telegram", "absent"].map((queue) =>
    publish(channel, message, { queue }),
  ),
);
setTimeout(() => {
  // The one to `email` first, as brokers confirm in any order.
  [1, 0, 2, 3, 4].forEach((at) => confirms[at]?.(null));
}, 10);
console.log(JSON.stringify((await all).map(({ status }) => status)));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, compiled with every strict option."""
    folder = tmp_path_factory.mktemp("typescript")
    made = typescript_project(folder / "project", helper("typescript", folder))
    run("node_modules/.bin/tsc", "-p", ".", cwd=made)
    return made


def test_messages_for_rabbitmq_are_delivered(
    tmp_path: Path, project: Path, broker: Broker, queue: str
) -> None:
    with Peer(broker.url) as peer:
        peer.declare(queue, {"x-queue-type": "quorum"})

    printed = run("node", "built/producer.js", broker.url, queue, f"{queue}-absent", cwd=project)

    ids, error = printed.splitlines()
    assert json.loads(ids)[0] == "order-1"
    assert len(json.loads(ids)[1]) == 36
    assert error == f"Error: there is no queue for {queue}-absent: NO_ROUTE"
    with Peer(broker.url) as peer:
        assert peer.ready(queue) == 2
    assert delivered(tmp_path, broker_url=broker.url, queues=f"email={queue}") == {
        "Ann <ann@example.com>": "Il tuo ordine HV-1 è confermato",
        "bob@example.com": "Hello",
    }


def test_what_is_published_is_persistent_with_an_id_and_a_type(
    project: Path, rabbitmq: Broker, queue: str
) -> None:
    with Peer(rabbitmq.url) as peer:
        peer.declare(queue)

        run("node", "built/producer.js", rabbitmq.url, queue, f"{queue}-absent", cwd=project)

        (properties, body), _ = peer.take_all(queue)
    assert properties.delivery_mode == 2
    assert properties.message_id == json.loads(body)["id"] == "order-1"
    assert properties.content_type == "application/json"
    assert properties.timestamp is not None


def test_each_message_that_came_back_is_rejected_and_no_other(tmp_path: Path) -> None:
    made = typescript_project(tmp_path / "project", helper("typescript", tmp_path))
    for name in ("producer.ts", "mistakes.ts"):
        (made / name).unlink()
    (made / "returned.ts").write_text(RETURNED)

    run("node_modules/.bin/tsc", "-p", ".", cwd=made)
    printed = run("node", "built/returned.js", cwd=made)

    assert json.loads(printed) == ["rejected", "fulfilled", "rejected", "fulfilled", "rejected"]


def test_the_example_of_the_page_compiles(project: Path) -> None:
    [(_, text)] = blocks_of(ROOT / "docs/producers.md", "ts")
    (project / "page.ts").write_text(text.replace("dispatcherMessages", "messages"))

    run("node_modules/.bin/tsc", "-p", ".", "--noEmit", cwd=project)
    run("node_modules/.bin/prettier", "--check", "page.ts", cwd=project)


def test_it_is_formatted_as_prettier_does(project: Path) -> None:
    run("node_modules/.bin/prettier", "--check", "messages.ts", cwd=project)


@pytest.mark.parametrize("module", ["commonjs", "nodenext"])
def test_a_helper_without_templates_compiles_too(tmp_path: Path, module: str) -> None:
    text = helper("typescript", tmp_path, templates=None)
    made = typescript_project(tmp_path / "project", text)
    for name in ("producer.ts", "mistakes.ts"):
        (made / name).unlink()
    (made / "package.json").write_text("{}")

    options = ("--noEmit", "--verbatimModuleSyntax", "false", "--module", module)
    run("node_modules/.bin/tsc", "-p", ".", *options, cwd=made)

    assert "export type TemplateName = string;" in text
    run("node_modules/.bin/prettier", "--check", "messages.ts", cwd=made)


def test_odd_names_and_values_are_typed_too(tmp_path: Path) -> None:
    text = helper("typescript", tmp_path, templates=odd_templates(tmp_path))
    made = typescript_project(tmp_path / "project", text)
    for name in ("producer.ts", "mistakes.ts"):
        (made / name).unlink()
    odd = json.dumps({"to": "a@example.com", "template": "2fa", "parameters": ODD})
    other = json.dumps({"to": "a@example.com", "template": "chosen", "parameters": CHOSEN})
    (made / "odd.ts").write_text(
        'import { prepare } from "./messages.js";\n'
        f"console.log(prepare({odd}), prepare({other}));\n"
    )

    run("node_modules/.bin/tsc", "-p", ".", "--noEmit", cwd=made)
    run("node_modules/.bin/prettier", "--check", "messages.ts", cwd=made)
