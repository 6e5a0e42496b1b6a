"""Learning makes camd better at home, from its owner alone: the model it came with, and the heads learned on it."""
