"""How properties are run: no verdict depends on how busy the machine is.

A release is judged on the same examples each time (CI is set); new ones are looked for
wherever people run the tests.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "openehc", deadline=None, suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)  # fmt: skip
settings.load_profile("openehc")
