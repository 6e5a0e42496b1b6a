"""What capture sends, counted by the kernel over the whole suite; run by tests/counters/run."""
