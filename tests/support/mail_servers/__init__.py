"""Postfix, Exim and OpenSMTPD from Debian, each in a container of its own on a loopback port.

Each takes mail for any recipient, offers STARTTLS and AUTH, and keeps what it accepts in its spool,
where `MailServer.accepted` counts it. Limits are the server's defaults; `lifted` takes them away.
"""

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.certificates import throwaway_certificate
from tests.support.mail_servers import exim, opensmtpd, postfix
from tests.support.ports import free_port
from tests.support.readiness import greeting, until_it_answers

USER, PASSWORD = "shop", "Tr4ns-port"
MARK = "X-Order"
"""The header by which a mail is counted; its value is the id and a semicolon."""

KINDS: Mapping[str, Any] = {"postfix": postfix, "exim": exim, "opensmtpd": opensmtpd}


def image_of(kind: str) -> str:
    """The image that a kind of server runs from; a variable names another one."""
    variable = f"DISPATCHER_TEST_{kind.upper()}_IMAGE"
    return os.environ.get(variable, f"dispatcher-test/{kind}:latest")


@dataclass(frozen=True)
class MailServer:
    """A running server on `127.0.0.1:port`. `ca_file` is the authority of its certificate."""

    kind: str
    port: int
    ca_file: Path
    _container: Any

    def url(self, mode: str = "plain") -> str:
        """What DISPATCHER_EMAIL_URL is to be: plain, starttls, or auth (STARTTLS and a user)."""
        user = f"{USER}:{PASSWORD}@" if mode == "auth" else ""
        scheme = "smtp" if mode == "plain" else "smtp+starttls"
        return f"{scheme}://{user}127.0.0.1:{self.port}"

    def accepted(self) -> Counter[str]:
        """How many mails with each mark are in the spool."""
        spool = KINDS[self.kind].SPOOL
        script = f"grep -raoh '{MARK}: [A-Za-z0-9-]*;' {spool} 2>/dev/null || true"
        lines = self._run(script).splitlines()
        return Counter(line.partition(": ")[2].rstrip(";") for line in lines)

    def restart(self) -> None:
        """Stop it, start it again, and wait until it greets."""
        self._container.restart(timeout=5)
        until_it_answers(lambda: greeting("127.0.0.1", self.port), self.log)

    def log(self) -> str:
        """What it has printed so far."""
        return bytes(self._container.logs()).decode(errors="replace")

    def _run(self, script: str) -> str:
        code, output = self._container.exec_run(["/bin/sh", "-c", script])
        assert code == 0, output
        return bytes(output).decode(errors="replace")


@contextmanager
def mail_server(kind: str, folder: Path, *, lifted: bool = False) -> Iterator[MailServer]:
    """Start a server of this kind; `folder` holds its configuration and is its own."""
    from docker.client import DockerClient

    certificate = throwaway_certificate(folder)
    port = free_port()
    setup = KINDS[kind].setup(port=port, user=USER, password=PASSWORD, lifted=lifted)
    (folder / "setup.sh").write_text(setup)
    folder.chmod(0o755)  # the server reads it under a user of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        client = DockerClient.from_env(timeout=60)
        container = client.containers.run(
            image_of(kind),
            ["/bin/sh", "/setup/setup.sh"],
            detach=True,
            network_mode="host",
            labels={"org.testcontainers": "true"},
            volumes={str(folder): {"bind": "/setup", "mode": "ro"}},
        )
        try:
            server = MailServer(kind, port, certificate.file, container)
            until_it_answers(lambda: greeting("127.0.0.1", port), server.log)
            yield server
        finally:
            container.remove(force=True, v=True)
            client.close()
