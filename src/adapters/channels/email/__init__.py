"""Email: our own MIME bytes, sent through a pool of SMTP connections or written to a Maildir."""
