"""Which release this is, as in `pyproject.toml`. To read the metadata of an installed package would
cost each start ten imports."""

VERSION = "0.1.0"
