"""`smsd send --file`: many requests, published as fast as the broker confirms them, and how they end."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from smsd.cli import rows
from smsd.cli.options import Unavailable
from smsd.cli.rows import Body, Rows
from smsd.cli.send import GOOD
from smsd.core.contract import REQUEST_TYPE, dumps
from smsd.core.errors import LinkDown
from smsd.core.publication import Confirm, Publication
from smsd.links.broker.client import Client, connected
from smsd.settings.model import Broker, Settings


def send(
    settings: Settings, provider: str, priority: str, file: str, common: Body, timeout: float | None, as_json: bool
) -> None:
    """Sends a file's requests and exits. With `timeout` it follows them until no result comes for so many seconds."""
    found = rows.read(file, Path(file).read_bytes(), settings.providers[provider], common)
    if found.problems:
        click.echo("\n".join(found.problems), err=True)
        click.echo(f"{file}: nothing was sent; bad lines: {len(found.problems)}", err=True)
        sys.exit(1)
    sending = Sending(found, f"{settings.broker.prefix}.requests", f"{provider}.{priority}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
            answer = asyncio.run(sending.run(settings.broker, timeout, progress))
    except LinkDown as down:
        raise Unavailable(f"broker: {down.reason}; {sending.so_far()}") from None
    except KeyboardInterrupt:
        click.echo(f"stopped: {sending.so_far()}", err=True)
        raise
    if answer is not Confirm.DONE:
        raise click.ClickException(f"{sending.exchange} with key {sending.key}: {answer.value}; {sending.so_far()}")
    sending.tell(as_json, followed=timeout is not None)
    sys.exit(0 if sending.is_good(followed=timeout is not None) else 1)


class Sending:
    """The requests of one file on their way. `exchange` and `key` are where they go."""

    def __init__(self, found: Rows, exchange: str, key: str) -> None:
        self.exchange = exchange
        self.key = key
        self._rows = found
        self._published = 0
        self._final: dict[str, dict[str, Any]] = {}
        """The last final result of each request."""
        self._heard = 0.0
        """When the last result or confirm came; time.monotonic."""

    async def run(self, broker: Broker, timeout: float | None, progress: Progress) -> Confirm:
        """Publishes and, with a timeout, follows. Raises LinkDown."""
        async with connected(broker) as client:
            if await client.lacks(self.exchange):
                raise LinkDown("broker", f"it has no exchange {self.exchange}: smsd has not run with it yet")
            reply_to = None if timeout is None else await client.reply_queue()
            bar = progress.add_task("published", total=len(self._rows.requests))

            def confirmed() -> None:
                self._published += 1
                self._heard = time.monotonic()
                progress.advance(bar)

            follows = asyncio.create_task(self._follow(client, timeout, progress)) if timeout is not None else None
            try:
                answer = await client.publish_all(self._publications(), reply_to, confirmed)
                if follows is not None and answer is Confirm.DONE:
                    await follows
            finally:
                if follows is not None:
                    follows.cancel()
                    await asyncio.gather(follows, return_exceptions=True)
            return answer

    def _publications(self) -> Iterator[Publication]:
        for id_, (_, body) in self._rows.requests.items():
            yield Publication(self.exchange, self.key, dumps(body), id_, REQUEST_TYPE)

    async def _follow(self, client: Client, timeout: float, progress: Progress) -> None:
        """Reads results until each request has a final one, or nothing has come for `timeout` seconds."""
        self._heard = time.monotonic()
        bar = progress.add_task("ended", total=len(self._rows.requests))
        while len(self._final) < len(self._rows.requests):
            left = self._heard + timeout - time.monotonic()
            if left <= 0:
                return
            try:
                result = json.loads(await client.reply(left))
            except TimeoutError:
                continue  # confirms may have come meanwhile
            self._heard = time.monotonic()
            if result["final"] and result["id"] in self._rows.requests:
                self._final[result["id"]] = result
                progress.update(bar, completed=len(self._final))

    # --- what is told

    def so_far(self) -> str:
        """What has happened when it ends early, and what to do."""
        return (
            f"{self._published} of {len(self._rows.requests)} are published; "
            "the same command again sends the others, and none twice"
        )

    def is_good(self, *, followed: bool) -> bool:
        """Whether it went well, as far as was asked for."""
        return not followed or (
            len(self._final) == len(self._rows.requests)
            and all(result["status"] in GOOD for result in self._final.values())
        )

    def tell(self, as_json: bool, *, followed: bool) -> None:
        """The outcome: a summary, and each request that did not end well."""
        statuses = Counter(result["status"] for result in self._final.values())
        bad = list(self._bad())
        unfinished = len(self._rows.requests) - len(self._final)
        if as_json:
            facts: dict[str, Any] = {"published": self._published, "repeated_rows": self._rows.repeated}
            if followed:
                facts |= {"results": statuses, "without_final_result": unfinished, "not_sent": bad}
            click.echo(json.dumps(facts, ensure_ascii=False))
            return
        if self._rows.repeated:
            click.echo(
                f"{self._rows.file}: rows left out, as they repeat an earlier one: {self._rows.repeated}", err=True
            )
        for one in bad:
            click.echo(f"{self._rows.file}:{one['line']}: {one['status']}: {one['reason']}: {one['detail']}", err=True)
        counted = [f"{count} {status}" for status, count in statuses.most_common()]
        if followed and unfinished:
            counted.append(f"{unfinished} without a final result, which may still come")
        told = f": {', '.join(counted)}" if counted else ""
        click.echo(f"{self._published} published as {self.key}{told}")

    def _bad(self) -> Iterator[dict[str, Any]]:
        for id_, (line, _) in self._rows.requests.items():
            result = self._final.get(id_)
            if result is not None and result["status"] not in GOOD:
                yield {"line": line, "id": id_, **{name: result[name] for name in ("status", "reason", "detail")}}
