"""Measures: CPU per message and messages per second, always beside something bare in the same run."""
