"""Hypothesis strategies for PDUs, drawn from the tables of `smsd.core.smpp.pdus`."""

from collections.abc import Mapping

from hypothesis import strategies as st

from smsd.core.smpp import pdus
from smsd.core.smpp.codec import Pdu, Tlvs, Value

UINT32 = st.integers(0, 0xFFFFFFFF)
OCTETS = st.integers(0, 0xFF)


def cstrings(size: int, highest: int = 0xFF, min_size: int = 0) -> st.SearchStrategy[bytes]:
    """The values of a C string of `size` octets with its NUL, of octets from 1 to `highest`."""
    return st.lists(st.integers(1, highest), min_size=min_size, max_size=size - 1).map(bytes)


def tlvs(max_size: int = 4) -> st.SearchStrategy[Tlvs]:
    """Any optional parameters at all, known or not, repeated or not."""
    return st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=max_size).map(tuple)


def fields(
    command: int, narrowed: Mapping[str, st.SearchStrategy[Value]] | None = None, highest: int = 0xFF
) -> st.SearchStrategy[dict[str, Value]]:
    """All mandatory fields of a command; `narrowed` replaces the values of some, by name."""
    by_name: dict[str, st.SearchStrategy[Value]] = {}
    for name, kind, size in pdus.FIELDS[command]:
        if narrowed and name in narrowed:
            by_name[name] = narrowed[name]
        elif kind == pdus.INT:
            by_name[name] = OCTETS
        elif kind == pdus.CSTRING:
            by_name[name] = cstrings(size, highest)
        else:
            by_name[name] = st.binary(max_size=size)
    return st.fixed_dictionaries(by_name)


def any_pdu(commands: list[int] | None = None) -> st.SearchStrategy[Pdu]:
    """Any PDU that the tables know, header and optional parameters included."""
    return st.sampled_from(commands or sorted(pdus.FIELDS)).flatmap(
        lambda command: st.builds(Pdu, st.just(command), UINT32, UINT32, fields(command), tlvs())
    )
