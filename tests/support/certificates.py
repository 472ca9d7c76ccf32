"""Throwaway certificates for TLS tests, made by the openssl program."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1 and localhost; `file` is also its own authority."""

    file: Path
    server_context: ssl.SSLContext


def throwaway_certificate(
    folder: Path, *, names: str = "IP:127.0.0.1,DNS:localhost"
) -> Certificate:
    """Valid for a day, for `names` in openssl's subjectAltName form."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=scripted",
                "-addext",
                f"subjectAltName={names}",
            ),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return Certificate(certificate, context)
