"""Share sends out what the owner ordered, and nothing else does."""
