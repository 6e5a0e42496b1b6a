"""camd: a motion-detection camera daemon that keeps what it sees at home."""

__version__ = "0.1.0"
