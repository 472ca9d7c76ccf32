"""Fills a peer's queue the peer's own way: `python -m benchmarks.peers.fill MODULE MAILS`."""

import json
import sys
from importlib import import_module

from benchmarks.message import body


def main() -> None:
    """Publish so many messages."""
    module, mails = sys.argv[1:]
    publish = import_module(module).publish
    for number in range(int(mails)):
        publish(json.loads(body(number)))


if __name__ == "__main__":
    main()
