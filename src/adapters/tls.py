"""TLS as a client, the same on each Python."""

import ssl
from pathlib import Path


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Verifies certificate and host name, against the system's authorities or those of the file
    alone. Raises OSError, of which SSLError is one.

    Authorities of one's own often lack what RFC 5280 wants them to say, such as what their key is
    for. Before 3.13 Python took them.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is not None:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
