"""TLS to the broker: whom we trust, and who we are."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Trusted authorities in place of the system's, and a client certificate with its key."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Verifies certificate and host name. Raises ValueError that names the variable."""
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("DISPATCHER_BROKER_KEY_FILE: DISPATCHER_BROKER_CERT_FILE must be set")
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # an SSLError is one
            text = f"{self.ca_file} is no file of certificates: {_reason(error)}"
            raise ValueError(f"DISPATCHER_BROKER_CA_FILE: {text}") from None
        if self.cert_file is not None:
            try:
                # The password keeps OpenSSL from asking for one on the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            except OSError as error:
                raise ValueError(self._unusable(error)) from None
        return context

    def _unusable(self, error: OSError) -> str:
        files = " with ".join(str(file) for file in (self.cert_file, self.key_file) if file)
        text = "is no client certificate with its unencrypted private key"
        return f"DISPATCHER_BROKER_CERT_FILE: {files} {text}: {_reason(error)}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not PEM"
    return error.strerror or "cannot be read"
