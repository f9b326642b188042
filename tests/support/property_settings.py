"""How properties are run: no verdict depends on how busy the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "openehc", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip
settings.load_profile("openehc")
