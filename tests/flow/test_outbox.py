"""Whatever the broker does, every publication reaches it, those of one request in their order, over restarts too."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from boxes import SMALL, Box
from hypothesis import given, settings
from hypothesis import strategies as st

from smsd.core.contract import RESULT_TYPE
from smsd.core.publication import Confirm
from smsd.flow import outbox as module

STEPS = st.lists(
    st.sampled_from(
        ["add", "add", "add 20", "confirm", "confirm", "confirm all", "return", "refuse", "lose", "come back", "retry",
         "kill"]
    ),
    max_size=25,
)  # fmt: skip


class History:
    """Takes steps, and keeps what the broker has confirmed, in its order."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.added = 0
        self.got: list[int] = []

    async def take(self, step: str) -> None:
        broker, outbox = self.box.broker, self.box.outbox
        if step.startswith("add"):
            for _ in range(int(step[3:] or 1)):
                self.box.add(self.added, f"o{self.added % 3}" if self.added % 3 else "")
                self.added += 1
        elif step == "lose":
            broker.connected = False
            broker.published.clear()
            outbox.connection_lost()
        elif step == "come back":
            broker.connected = True
            outbox.pump()
        elif step == "retry":
            await asyncio.sleep(0.002)
        elif step == "kill":
            self.box = await self.box.killed()
        elif step == "confirm all":
            while broker.published:
                self._answer(Confirm.DONE)
        elif broker.published:
            self._answer({"confirm": Confirm.DONE, "return": Confirm.UNROUTABLE, "refuse": Confirm.REFUSED}[step])
        await self.box.settle()

    def _answer(self, answer: Confirm) -> None:
        publication, then = self.box.broker.published.pop(0)
        if answer is Confirm.DONE:
            self.got.append(int(publication.message_id))
        then(answer)

    async def end(self) -> None:
        await self.take("come back")
        self.got += await self.box.empty()


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_publications_of_one_request_keep_their_order_and_all_arrive_once(steps: list[str]) -> None:
    """Every step is followed by a commit here: a kill then costs nothing and repeats nothing."""

    async def scene() -> None:
        with TemporaryDirectory() as directory:
            history = History(Box(Path(directory) / "j.db"))
            try:
                for step in steps:
                    await history.take(step)
                await history.end()
                assert sorted(history.got) == list(range(history.added))
                for order in (1, 2):
                    assert [n for n in history.got if n % 3 == order] == list(range(order, history.added, 3))
                assert history.box.outbox._chains == {}
                assert history.box.outbox._results.dones == {}
                assert history.box.journal.left([RESULT_TYPE], 1) == (0, 0, [])
            finally:
                await history.box.close()

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(module, name, value)
        asyncio.run(scene())
