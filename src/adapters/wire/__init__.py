"""What both inbound adapters share: the message format, its headers, and how it is settled."""
