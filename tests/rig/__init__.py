"""What tests of more than one module stand on: real brokers, real ports, no doubles of our own code."""
