"""The measurements behind `camd bench`: each file measures one thing and yields its results as values."""
