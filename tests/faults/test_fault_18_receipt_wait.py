"""A message whose receipt must come by a certain time is remembered until then, or the settings are refused."""

import subprocess
import sys
from pathlib import Path

import pytest
from journals import Machine, called, in_a_loop, journal, result

from smsd.core.life import ANSWER, facts_of
from smsd.core.message import SENT
from smsd.settings.reader import SettingsError, read

HOUR = 3600.0
KEEP = 8 * HOUR
SENTENCE = "must not be above journal.keep, which is 7d: by then the message is forgotten"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("providers: {a: {host: h, receipt_wait: 30d}}", f"f.yaml:1:40: providers.a.receipt_wait: {SENTENCE}"),
        (
            "defaults: {receipt_wait: 30d}\nproviders: {a: {host: h}, b: {host: i}}",
            f"f.yaml:1:26: defaults.receipt_wait: {SENTENCE}",
        ),
        (
            "journal: {keep: 90m}\nproviders:\n  a: {host: h, receipt_wait: 90m}\n  b: {host: i, receipt_wait: 91m}",
            f"f.yaml:4:30: providers.b.receipt_wait: {SENTENCE.replace('7d', '90m')}",
        ),
    ],
)
def test_fault_18_a_receipt_wait_beyond_keep_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(text, "f.yaml")
    assert [str(problem) for problem in refused.value.problems] == [told]


def test_fault_18_smsd_check_refuses_it_too(tmp_path: Path) -> None:
    file = tmp_path / "smsd.yaml"
    file.write_text("providers: {a: {host: h, receipt_wait: 30d}}")
    command = [sys.executable, "-m", "smsd", "check", "--config", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stdout) == (78, "")
    assert f"providers.a.receipt_wait: {SENTENCE}" in checked.stderr


async def overdue_after(path: Path, tried_before: float, wait: float) -> float:
    """Hours from `sent` to the time when its missing receipt is told; it was tried first some hours before."""
    machine = Machine()
    async with journal(path, KEEP, machine) as j:
        made = called("order-1", SENT)
        j.note(made, ANSWER, made.parts[0], **facts_of(made.parts[0]))
        for _ in range(round(tried_before / HOUR)):
            machine.wait(HOUR)
            j.record("p", b"{}")
            await j.settle()
        j.concluded(made, result(), final=False)
        j.await_receipt(made, machine.wall() + wait)
        del made
        await j.let_go()
        for hours in range(30):
            j.record("p", b"{}")
            if [message.id for message in await j.asked(j.overdue, "p")] == ["order-1"]:
                return hours
            machine.wait(HOUR)
    return 0


@in_a_loop
async def test_fault_18_one_that_was_tried_for_long_before_is_waited_for(tmp_path: Path) -> None:
    """Its partition is older than its wait."""
    assert await overdue_after(tmp_path / "journal.db", 6 * HOUR, KEEP) == 8


@in_a_loop
async def test_fault_18_a_wait_beyond_keep_ends_with_it(tmp_path: Path) -> None:
    """As after a reload that makes receipt_wait longer, while a longer keep needs a restart."""
    assert await overdue_after(tmp_path / "journal.db", 0, 3 * KEEP) == 8
