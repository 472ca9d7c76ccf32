"""Alerts to the operator: when one is due, its words, and the all-clear."""
