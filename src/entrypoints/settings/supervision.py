"""What a service manager says to a process that it starts: systemd's sd_notify(3)."""

import os
from collections.abc import Mapping

_SOCKET, _PERIOD, _PROCESS = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


def read_supervision(environ: Mapping[str, str] | None = None) -> tuple[str, float | None]:
    """Read what is meant for this process: the address of the socket that takes reports, empty
    without a manager; and the seconds after which the manager gives up a process that has not
    reported, None: never."""
    environ = os.environ if environ is None else environ
    path = environ.get(_SOCKET, "")
    address = "\0" + path[1:] if path.startswith("@") else path
    microseconds = environ.get(_PERIOD, "")
    is_ours = environ.get(_PROCESS, str(os.getpid())) == str(os.getpid())
    if not address or not is_ours or not microseconds.isdecimal() or not int(microseconds):
        return address, None
    return address, int(microseconds) / 1e6


def unsupervised() -> dict[str, str]:
    """Make the environment for a process of ours whose parent does the reporting."""
    mine = (_SOCKET, _PERIOD, _PROCESS)
    return {name: value for name, value in os.environ.items() if name not in mine}
