"""Requests with all that AMQP lets a publisher write, among good ones: `python -m tests.grammar`."""
