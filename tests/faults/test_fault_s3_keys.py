"""An exact key of a receipt counts more than a looser one, and the own group more than another, wherever they lie."""

from pathlib import Path

import pytest
from journals import Told, called, in_a_loop, journal

from smsd.core.message import SENT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def filed(j: Told, name: str, key: str, group: str = "p") -> None:
    made = called(name, SENT)
    j.file_under(made, made.parts[0], group, [key])
    await j.settle()


async def old_and_new(j: Told, old: str, new: str, group: str = "p") -> None:
    """Two messages; the first is in the file only, the second in memory too."""
    await filed(j, "old", old, group)
    await j.let_go()
    await filed(j, "new", new)


@in_a_loop
async def test_fault_s3_an_exact_key_in_the_file_beats_a_looser_in_memory(path: Path) -> None:
    async with journal(path) as j:
        await old_and_new(j, "0100", "100")
        assert (await j.matched("0100", "100"))[0].id == "old"
        assert (await j.matched("100", "0100"))[0].id == "new"
        assert (await j.matched("00100", "100"))[0].id == "new"


@in_a_loop
async def test_fault_s3_the_first_group_in_the_file_beats_another_in_memory(path: Path) -> None:
    async with journal(path) as j:
        await old_and_new(j, "77", "77", group="first")
        assert (await j.asked(j.match, ["first", "p"], ["77"]))[0].id == "old"
        assert (await j.asked(j.match, ["p", "first"], ["77"]))[0].id == "new"
