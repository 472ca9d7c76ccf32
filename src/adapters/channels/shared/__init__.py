"""What several channels use."""
