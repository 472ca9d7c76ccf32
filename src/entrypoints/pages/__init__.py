"""Pages for one person on this machine: the templates, and what was captured."""
