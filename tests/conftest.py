"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes, or takes to be made up, says something about the machine, not about the code; and a test
# fails because of a change, not because of the day: examples are the same in each run. `make soak` looks for new ones.
BY_THE_CLOCK = (HealthCheck.too_slow,)
settings.register_profile("standby", deadline=None, derandomize=True, suppress_health_check=BY_THE_CLOCK)
settings.register_profile("search", deadline=None, max_examples=1000, suppress_health_check=BY_THE_CLOCK)
settings.load_profile("standby")
