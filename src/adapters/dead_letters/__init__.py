"""List, edit, release and export dead letters, over the inbound contract."""
