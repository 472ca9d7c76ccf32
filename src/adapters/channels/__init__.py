"""One file or package for each channel: what a notification becomes at a provider."""
