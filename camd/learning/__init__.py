"""Learning makes camd better at home, from its owner alone. Nothing is built here yet."""
