"""Draws small worlds whose truth is known: scenery, actors, light, weather, and the camera that films them."""
