"""What every test run has: the modules of tests/support that hold fixtures.

A new one needs no entry here. A module without fixtures is left to those who import it.
"""

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.support")

_SUPPORT = sorted(Path(__file__).with_name("support").glob("*.py"))

pytest_plugins = [
    "pytester",
    "tests.support.conformance_plugin",
    *(
        f"tests.support.{path.stem}"
        for path in _SUPPORT
        if "\n@pytest.fixture" in path.read_text(encoding="utf-8")
    ),
]
