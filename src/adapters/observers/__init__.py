"""The observers: log, metrics, readiness, alerts."""
