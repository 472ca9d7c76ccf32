"""Throwaway certificates for TLS tests, made by the openssl program."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


class Authority:
    """A certificate authority whose files are in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file = folder / f"{name}.pem"
        self._folder, self._key = folder, folder / f"{name}.key"
        _openssl(
            *("req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}", *_KEY),
            *("-keyout", str(self._key), "-out", str(self.file)),
        )

    def issue(self, name: str, names: str = "", *, days: int = 2) -> tuple[Path, Path]:
        """A certificate and its key for `name`, with `names` in openssl's subjectAltName form."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n" if names else "")
        _openssl(
            *("req", "-nodes", "-subj", f"/CN={name}", *_KEY),
            *("-keyout", str(key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), *_end(days), "-CAcreateserial"),
            *("-CA", str(self.file), "-CAkey", str(self._key), "-extfile", str(extensions)),
            *("-out", str(certificate)),
        )
        for file in (certificate, key, self.file):
            file.chmod(0o644)  # a server in a container reads them as another user
        return certificate, key


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def _end(days: int) -> tuple[str, ...]:
    """OpenSSL 3.4 takes no negative number of days, and an older one no date."""
    options = subprocess.run(["openssl", "x509", "-help"], capture_output=True, text=True)
    if days > 0 or "-not_after" not in options.stdout + options.stderr:
        return "-days", str(days)
    return "-not_before", "20000101000000Z", "-not_after", "20000102000000Z"


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


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
