"""smsd sends a company's SMS: RabbitMQ in, SMPP out, and what became of every message back."""

__version__ = "0.1.0"
