"""`dispatcher failed`: dead letters."""
