"""Vision says what happened; its files are pure."""
