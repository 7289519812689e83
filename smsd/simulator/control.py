"""The control port: everything that can be changed or asked while the simulator runs, as HTTP and JSON."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import Field, ValidationError

from smsd.links.web import Reply, Request, Route, WebServer
from smsd.simulator.orders import Hex, Inbound, ReceiptOrder
from smsd.simulator.rules import Facts, Rules, as_json, merged, problems
from smsd.simulator.smsc import NobodyBound, Smsc

_BAD_REQUEST, _CONFLICT = 400, 409

Order = Callable[[Request], Awaitable[Any]]


class Whom(Facts):
    """Whose connections; everybody's when it names no one."""

    system_id: str | None = None


class Listen(Facts):
    """Whether new connections are taken; `drop` also aborts those that are there."""

    open: bool
    drop: bool = False


class Raw(Facts):
    """Octets for every bound connection."""

    octets: Hex = Field(..., alias="hex")
    system_id: str | None = None


class Page(Facts):
    """Which part of a list: entries with a number above `since`, `limit` at most."""

    since: int = Field(0, ge=0)
    limit: int = Field(1000, ge=1)


def control_port(smsc: Smsc) -> WebServer:
    """The server that gives orders to `smsc`, not started yet."""
    orders = _Orders(smsc)
    routes: dict[tuple[str, str], Order] = {
        ("GET", "/rules"): orders.rules,
        ("PUT", "/rules"): orders.replace_rules,
        ("PATCH", "/rules"): orders.change_rules,
        ("GET", "/submits"): orders.submits,
        ("GET", "/deliveries"): orders.deliveries,
        ("GET", "/binds"): orders.binds,
        ("GET", "/counts"): orders.counts,
        ("POST", "/inbound"): orders.inbound,
        ("POST", "/receipt"): orders.receipt,
        ("POST", "/raw"): orders.raw,
        ("POST", "/disconnect"): orders.disconnect,
        ("POST", "/unbind"): orders.unbind,
        ("POST", "/pause"): orders.pause,
        ("POST", "/resume"): orders.resume,
        ("POST", "/listen"): orders.listen,
        ("POST", "/reset"): orders.reset,
    }
    return WebServer({key: _route(order) for key, order in routes.items()})


def _route(order: Order) -> Route:
    """An order's result as JSON; what the one who asked can put right, as a sentence."""

    async def answer(request: Request) -> Reply:
        try:
            return Reply.json(await order(request))
        except ValidationError as error:
            return Reply.json({"error": problems(error)}, _BAD_REQUEST)
        except ValueError as error:
            return Reply.json({"error": str(error)}, _BAD_REQUEST)
        except NobodyBound as error:
            return Reply.json({"error": str(error)}, _CONFLICT)

    return answer


class _Orders:
    """One method per route; what it returns is the answer."""

    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc

    async def rules(self, _: Request) -> Any:
        return as_json(self._smsc.rules)

    async def replace_rules(self, request: Request) -> Any:
        self._smsc.rules = Rules.model_validate_json(request.body)
        return as_json(self._smsc.rules)

    async def change_rules(self, request: Request) -> Any:
        changes = json.loads(request.body)
        if not isinstance(changes, dict):
            raise ValueError("rules are a JSON object")
        self._smsc.rules = merged(self._smsc.rules, changes)
        return as_json(self._smsc.rules)

    async def submits(self, request: Request) -> Any:
        page = Page.model_validate(request.query)
        return self._smsc.record.submits(page.since, page.limit)

    async def deliveries(self, request: Request) -> Any:
        page = Page.model_validate(request.query)
        return self._smsc.record.deliveries(page.since, page.limit)

    async def binds(self, request: Request) -> Any:
        page = Page.model_validate(request.query)
        return {"bound": self._smsc.binds(), "events": self._smsc.record.events(page.since, page.limit)}

    async def counts(self, _: Request) -> Any:
        return self._smsc.counts()

    async def inbound(self, request: Request) -> Any:
        return {"deliveries": self._smsc.inbound(Inbound.model_validate_json(request.body))}

    async def receipt(self, request: Request) -> Any:
        self._smsc.receipt(ReceiptOrder.model_validate_json(request.body))
        return {"deliveries": 1}

    async def raw(self, request: Request) -> Any:
        raw = Raw.model_validate_json(request.body)
        return {"connections": self._smsc.raw(bytes.fromhex(raw.octets), raw.system_id)}

    async def disconnect(self, request: Request) -> Any:
        return {"connections": self._smsc.disconnect(_whom(request).system_id)}

    async def unbind(self, request: Request) -> Any:
        return {"connections": self._smsc.unbind(_whom(request).system_id)}

    async def pause(self, _: Request) -> Any:
        self._smsc.pause()
        return {"paused": True}

    async def resume(self, _: Request) -> Any:
        self._smsc.resume()
        return {"paused": False}

    async def listen(self, request: Request) -> Any:
        listen = Listen.model_validate_json(request.body)
        if listen.open:
            await self._smsc.open()
        else:
            self._smsc.close()
        if listen.drop:
            self._smsc.disconnect()
        return {"open": listen.open, "port": self._smsc.port}

    async def reset(self, _: Request) -> Any:
        self._smsc.record.clear()
        return {}


def _whom(request: Request) -> Whom:
    return Whom.model_validate_json(request.body or b"{}")
