"""Clips keeps what happened: packets in RAM, then a fragmented MP4."""
