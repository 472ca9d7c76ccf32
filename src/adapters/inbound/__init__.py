"""The contract of a queue, and the way of a message through it."""
