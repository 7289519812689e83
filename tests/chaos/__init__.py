"""Faults at random moments under load, and afterwards every message accounted for: `make chaos`."""
