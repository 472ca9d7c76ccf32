"""Settings of the whole unit tier."""

from hypothesis import settings

# A deadline measures the machine's load, not our code.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
