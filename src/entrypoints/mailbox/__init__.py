"""The mailbox of a developer: what was captured, what comes by SMTP, and how both are asked for."""
