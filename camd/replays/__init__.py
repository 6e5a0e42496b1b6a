"""What `camd replay` is made of: playing, telling, comparing, and the pictures that explain."""
