"""What goes on next to the messages while a worker runs, and never stands in their way."""
