"""What holds for every test."""

import os

from hypothesis import settings

# In CI the same examples every time: a change is judged by itself, not by luck. By hand, new ones in every run.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")
