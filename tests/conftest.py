"""What every test run has: the modules of tests/support, each loaded as a plugin.

So a fixture is found wherever it is asked for, and a new file there needs no entry here.
"""

from pathlib import Path

import pytest

# Before any of them is loaded: they import each other, in whatever order.
pytest.register_assert_rewrite("tests.support")

_SUPPORT = Path(__file__).with_name("support")

pytest_plugins = [
    "pytester",
    *(f"tests.support.{path.stem}" for path in sorted(_SUPPORT.glob("*.py"))),
]
