"""Alerts tells the house, at onset, over MQTT."""
