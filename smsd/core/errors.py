"""The exceptions of the whole program: only what nobody expects is raised; expected outcomes are values."""


class ContractError(Exception):
    """A message that breaks the contract, told so that its sender knows what to change."""

    def __init__(self, field: str, sentence: str, reason: str = "invalid-request") -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence
        self.reason = reason


class LocalProtocolError(Exception):
    """We were about to break SMPP: a bug of ours, or a value that no field of the PDU can hold."""


class RemoteProtocolError(Exception):
    """The peer broke SMPP.

    ``pdu_hex`` is what it sent, ``status`` the command_status to answer with, ``fatal`` says that the stream has lost
    its framing and can only be closed.
    """

    def __init__(self, sentence: str, pdu: bytes = b"", *, status: int = 0x02, fatal: bool = False) -> None:
        super().__init__(sentence)
        self.pdu_hex = pdu[:512].hex()
        self.status = status
        self.fatal = fatal


class LinkDown(Exception):
    """A link to the outside (``broker``, ``smsc``) is not there, and why."""

    def __init__(self, link: str, reason: str) -> None:
        super().__init__(reason)
        self.link = link
        self.reason = reason


class JournalDamaged(Exception):
    """The journal's file can't be used; the sentence says why, and what to do."""


class RecordUnreadable(Exception):
    """What the journal has of one message is nothing that this smsd can read; the sentence says why."""


class JournalHeld(Exception):
    """Another daemon has the journal open."""
