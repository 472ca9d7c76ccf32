import subprocess
import sys

LOADED = """
import sys
from entrypoints.cli import main
try:
    main(["worker", "--help"])
except SystemExit:
    print(*({"rich", "structlog"} & sys.modules.keys()), file=sys.stderr)
"""


def test_a_worker_loads_structlog_without_rich() -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)

    assert ran.stderr.split() == ["structlog"]


def test_a_worker_loads_no_web_framework_that_happens_to_be_installed() -> None:
    code = LOADED.replace('{"rich", "structlog"}', '{"starlette", "dependency_injector"}')
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stderr.split() == ["dependency_injector"]


def test_what_is_loaded_already_stays() -> None:
    code = f"import rich\n{LOADED}\nassert sys.modules['rich'] is rich"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
