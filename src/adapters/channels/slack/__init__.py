"""Slack: one call of the Web API for each recipient, or one post to an incoming webhook."""
