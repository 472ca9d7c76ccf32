"""The rules of notifying people. Only the standard library."""
