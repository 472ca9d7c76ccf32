"""The embedded queue: the inbound contract on one SQLite file, for one small machine."""
