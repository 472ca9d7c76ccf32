"""The ledger in memory: for one process that may forget when it ends, and for tests."""
