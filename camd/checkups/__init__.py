"""What `camd doctor` looks at: one file for each part of the house, each with its checks and their mends."""
