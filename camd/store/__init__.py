"""The store holds what fits, and never takes a starred clip."""
