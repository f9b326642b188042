"""What every test run has: the conformance plugin. Fixtures live in tests/support."""

pytest_plugins = ["pytester", "tests.support.conformance_plugin"]
