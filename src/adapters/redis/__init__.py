"""The ledger on a Redis server, for workers on several machines. Needs the extra `redis`."""
