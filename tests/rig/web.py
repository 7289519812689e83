"""One HTTP question to a port on 127.0.0.1."""

import http.client
import json
from typing import Any


def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Status and body of the answer; `body` is sent as JSON. Raises OSError while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
