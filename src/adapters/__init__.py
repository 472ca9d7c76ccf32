"""The world's side of the ports: brokers, templates, providers."""
