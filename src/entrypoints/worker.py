"""`python -m entrypoints.worker`: the same program as `dispatcher worker`."""

import sys

from entrypoints.cli import main

if __name__ == "__main__":
    main(["worker", *sys.argv[1:]])
