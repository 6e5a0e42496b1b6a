"""The camera gives frames and packets."""
