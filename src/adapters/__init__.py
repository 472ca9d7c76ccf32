"""The adapters: brokers, ledgers, templates, channels, observers."""
