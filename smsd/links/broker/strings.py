"""Somebody's short string, kept as text and given back as the octets that it was: a correlation_id may be no UTF-8."""

SHORT = 255
"""Octets of the longest short string (AMQP 0-9-1 §4.2.5.3)."""

_RAW = "\ufdd0"
"""A noncharacter, fit for UTF-8, JSON and the journal: behind it each letter is an octet."""


def kept(octets: bytes) -> str:
    """A text of its own for any octets; UTF-8 is the text that it is."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return _RAW + octets.decode("latin-1")
    return _RAW + octets.decode("latin-1") if text.startswith(_RAW) else text


def given_back(text: str) -> bytes:
    """The octets of `kept`, or a text's own."""
    if text.startswith(_RAW):
        try:
            return text[1:].encode("latin-1")
        except UnicodeEncodeError:
            return text.encode()  # a text of ours, which was never octets
    return text.encode()
