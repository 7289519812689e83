"""Bodies that are JSON underneath: the sentence in the dead queue says what they are in, and what to send."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

import pytest

from smsd.core.contract import Unreadable, read_request

JSON = '{"id": "m", "to": "+79000000000", "text": "привет"}'.encode()


@pytest.mark.parametrize(
    ("name", "compress"),
    [("gzip", gzip.compress), ("zlib", zlib.compress), ("bzip2", bz2.compress), ("xz", lzma.compress)],
)
def test_door_F12_a_compressed_body_is_told_as_one(name: str, compress: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Unreadable) as refused:
        read_request(compress(JSON), None)
    assert str(refused.value) == f"the body is compressed ({name}): send the JSON as it is, in UTF-8"


@pytest.mark.parametrize("text", [b"short", JSON, b"x" * 200])
def test_door_F12_an_amqp_1_0_string_is_told_as_one(text: bytes) -> None:
    string = b"\xa1" + bytes((len(text),)) + text
    with pytest.raises(Unreadable) as refused:
        read_request(b"\x00\x53\x77" + string, None)
    assert str(refused.value) == (
        "the body is an AMQP 1.0 value, which RabbitMQ does not unwrap: send the JSON's octets as one data section"
    )


@pytest.mark.parametrize("body", [b"\x00", b"\x00Sz", b"Bz", b"\x1f", b"x"])
def test_any_other_octets_are_told_as_no_json(body: bytes) -> None:
    with pytest.raises(Unreadable, match="the body is not "):
        read_request(body, None)


@pytest.mark.parametrize("moment", ["2026-03-01t12:00:00z", "2026-03-01T12:00:00z", "2026-03-01 12:00:00Z"])
def test_the_letters_of_a_time_may_be_small(moment: str) -> None:
    body = b'{"id": "m", "to": "1", "text": "x", "expires_at": "%b"}'
    assert read_request(body % moment.encode(), None).expires_at == 1772366400.0


def test_an_empty_list_of_tlvs_is_an_empty_object_of_php() -> None:
    assert read_request(b'{"id": "m", "to": "1", "text": "x", "tlvs": []}', None).tlvs == ()
    assert read_request(b'{"id": "m", "to": "1", "text": "x", "tlvs": {}}', None).tlvs == ()
