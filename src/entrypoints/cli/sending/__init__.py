"""Commands that put messages into a queue, and what they send."""
