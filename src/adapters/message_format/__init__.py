"""Bytes to notifications and back: fields, headers, JSON Schema."""
