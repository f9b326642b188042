"""How properties are run: no verdict depends on how busy the machine is, or on a draw.

Each run judges the same examples, which follow from the test's own text. To look for new ones:
OPENEHC_NEW_EXAMPLES=1.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "openehc", deadline=None, suppress_health_check=[HealthCheck.too_slow],
    derandomize=not os.environ.get("OPENEHC_NEW_EXAMPLES"), print_blob=True,
)  # fmt: skip
settings.load_profile("openehc")
