"""The web shows the owner, from a process that can open no connection. Nothing is built here yet."""
