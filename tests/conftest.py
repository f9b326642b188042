"""What every test run has: the modules of tests/support that hold fixtures, and how properties run.

A new one needs no entry here. A module without fixtures is left to those who import it.
"""

import gc
import os
from pathlib import Path

import pytest

# Programs that tests start keep what Python compiled, as they do where people run them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest.register_assert_rewrite("tests.support")

_SUPPORT = sorted(Path(__file__).with_name("support").glob("*.py"))

pytest_plugins = [
    "pytester",
    "tests.support.conformance_plugin",
    "tests.support.property_settings",
    *(
        f"tests.support.{path.stem}"
        for path in _SUPPORT
        if "\n@pytest.fixture" in path.read_text(encoding="utf-8")
    ),
]


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what stays until the end: modules, tests, reports.

    Looking through it again and again takes a fifth of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
