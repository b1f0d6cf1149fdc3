"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says something about the machine, not about the code; and a test fails because of a change,
# not because of the day: examples are the same in each run. `make soak` looks for new ones.
settings.register_profile("standby", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("standby")
