"""Mutated PDUs into a live bind, between real traffic that must not suffer: `make fuzz`."""
