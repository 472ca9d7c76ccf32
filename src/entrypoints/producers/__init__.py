"""Typed helpers for the services that send messages, generated for their languages."""
