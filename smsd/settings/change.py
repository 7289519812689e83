"""What leads from one configuration to another: the steps of a reload, as values. Pure.

`HOW` and `HOW_TOP` say of each key what its change asks for; `change` compares, `in_force` is what counts afterwards.
The steps are told in the words of the file, secrets hidden, by `smsd diff` and by the event `config_reloaded` alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from smsd.settings.model import Host, Provider, Section, Settings, Tls
from smsd.settings.problems import SECRET_KEYS, Path, dotted


class How(StrEnum):
    """What the change of a key asks for."""

    LIVE = "live"
    """It counts from now on, the bind is not touched."""
    REBIND = "rebind"
    """The provider is drained, unbound, and bound anew."""
    SHOWN = "shown"
    """Nothing, but to show it."""
    RESTART = "restart"
    """A restart: until then the old value counts."""


_REBIND = (
    *("hosts", "tls", "system_id", "password", "bind", "version", "system_type", "address_range"),
    *("bind_ton", "bind_npi"),
)
_LIVE = (
    *("active", "service_type", "source_ton", "source_npi", "dest_ton", "dest_npi", "number_format", "default_region"),
    *("senders", "max_rate", "window", "encodings", "encoding", "long_messages", "max_segments", "receipts"),
    *("receipt_wait", "receipt_for", "receipt_format", "message_id", "receipt_group", "parts_wait", "validity"),
    "priority_flag",
    *("protocol_id", "tlvs", "submit_timeout", "bind_timeout", "enquire_link", "reconnect", "retries", "errors"),
    *("deliver_fail_status", "on_uncertain", "typography", "quiet_hours"),
)
# What a preset fills in has keys of its own; the last four are of later work.
_SHOWN = ("title", "preset", "per_recipient", "block_list", "prefer", "kind")

HOW = dict.fromkeys(_REBIND, How.REBIND) | dict.fromkeys(_LIVE, How.LIVE) | dict.fromkeys(_SHOWN, How.SHOWN)
"""Of each key of a provider but its name: a provider with another name is another provider."""

HOW_TOP = {
    "broker": How.RESTART,
    "journal": How.RESTART,
    "http": How.LIVE,
    "log": How.LIVE,
    "node": How.RESTART,
    "stop_timeout": How.LIVE,
    "lease": How.SHOWN,
    "routes": How.SHOWN,
}
"""Of each key at the top level but `providers` (`defaults` are in the providers)."""


class Step(StrEnum):
    """What becomes of a provider."""

    ADD = "add"
    REMOVE = "remove"
    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    REBIND = "rebind"
    LIVE = "in place"
    SHOWN = "no effect"


ENDS = "drains and unbinds; its queues stay, unread"


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that differs, with its values as the file would have them; both None where they may not be shown."""

    key: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        return f"{self.key} (changed)" if self.old is None else f"{self.key} {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True)
class ProviderChange:
    name: str
    step: Step
    detail: str
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        return f"{self.step} {self.name}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that differs; `live` and `restart` are of the top level."""

    providers: tuple[ProviderChange, ...] = ()
    live: tuple[Difference, ...] = ()
    restart: tuple[Difference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.providers or self.live or self.restart)

    def lines(self) -> list[str]:
        """A sentence for each step."""
        return [
            *(str(one) for one in self.providers),
            *(f"in place: {one}" for one in self.live),
            *(f"needs a restart: {one}" for one in self.restart),
        ]

    def summary(self) -> str:
        """All of it in one line: how many of each step, and what needs a restart."""
        steps = [one.step for one in self.providers]
        counts = [f"{step} {steps.count(step)}" for step in Step if step in steps]
        counts += [f"in place: {one.key}" for one in self.live] + [
            f"needs a restart: {one.key}" for one in self.restart
        ]
        return ", ".join(counts) or "nothing has changed"

    def as_json(self) -> dict[str, Any]:
        return {"changes": self.lines(), **asdict(self)}


def change(old: Settings, new: Settings) -> Change:
    """What a reload of `new` does to who runs with `old`."""
    top = {how: tuple(_top(old, new, how)) for how in (How.LIVE, How.SHOWN, How.RESTART)}
    return Change(tuple(_providers(old.providers, new.providers)), top[How.LIVE] + top[How.SHOWN], top[How.RESTART])


def in_force(old: Settings, new: Settings) -> Settings:
    """What counts after the reload: `new`, but for what needs a restart."""
    kept = {key: getattr(old, key) for key, how in HOW_TOP.items() if how is How.RESTART}
    return new.model_copy(update=kept)


def rebinds(old: Provider, new: Provider) -> bool:
    """Whether a bind made for `old` is none for `new`."""
    return old is not new and any(getattr(old, key) != getattr(new, key) for key in _REBIND)


def _top(old: Settings, new: Settings, how: How) -> Iterator[Difference]:
    for key, its_how in HOW_TOP.items():
        before, after = getattr(old, key), getattr(new, key)
        if its_how is not how or before == after:
            continue
        if isinstance(before, Section) and isinstance(after, Section):
            for inner in type(before).model_fields:
                yield from _of_key(before, after, inner, (key, inner))
        else:
            yield from _of_key(old, new, key, (key,))


def _providers(old: Mapping[str, Provider], new: Mapping[str, Provider]) -> Iterator[ProviderChange]:
    for name, provider in old.items():
        if name not in new:
            yield ProviderChange(name, Step.REMOVE, ENDS if provider.active else "was not active; its queues stay")
    for name, provider in new.items():
        before = old.get(name)
        if before is None:
            yield ProviderChange(name, Step.ADD, _introduced(provider) + ("" if provider.active else "; not active"))
        elif before != provider:
            yield _changed(name, before, provider)


def _introduced(provider: Provider) -> str:
    where = ", ".join(host.where for host in provider.hosts)
    return f"{where}, system_id {provider.system_id or '(none)'}"


def _changed(name: str, old: Provider, new: Provider) -> ProviderChange:
    found = tuple(_of_provider(old, new))
    detail = ", ".join(str(one) for one in found if one.key != "active")
    if old.active != new.active:
        step, what = (Step.ACTIVATE, _introduced(new)) if new.active else (Step.DEACTIVATE, ENDS)
        return ProviderChange(name, step, f"{what}; {detail}" if detail else what, found)
    if not new.active:
        return ProviderChange(name, Step.SHOWN, f"{detail}; not active", found)
    if rebinds(old, new):
        return ProviderChange(name, Step.REBIND, detail, found)
    live = any(getattr(old, key) != getattr(new, key) for key in _LIVE)
    return ProviderChange(name, Step.LIVE if live else Step.SHOWN, detail, found)


def _of_provider(old: Provider, new: Provider) -> Iterator[Difference]:
    """What differs, that which a rebind is for first."""
    yield from _of_hosts(old.hosts, new.hosts)
    if (old.tls is None) != (new.tls is None):
        yield Difference("tls", *(_text(_switch(one.tls)) for one in (old, new)))
    for key in HOW:
        if key != "hosts" and not (key == "tls" and None in (old.tls, new.tls)):
            yield from _of_key(old, new, key, (key,))


def _of_hosts(old: tuple[Host, ...], new: tuple[Host, ...]) -> list[Difference]:
    if len(old) == len(new) == 1:
        return _differences(old[0].model_dump(), new[0].model_dump(), ())
    shown = (", ".join(host.where for host in hosts) for hosts in (old, new))
    return [] if old == new else [Difference("hosts", *shown)]


def _switch(tls: Tls | None) -> Any:
    return False if tls is None else tls.model_dump(exclude_defaults=True) or True


def _of_key(old: Section, new: Section, key: str, path: Path) -> list[Difference]:
    """The differences under one key; one that is in no value that may be shown is told without values."""
    if getattr(old, key) == getattr(new, key):
        return []
    if key not in SECRET_KEYS:
        before, after = (one.model_dump(mode="json", by_alias=True, include={key}) for one in (old, new))
        (shown_before,), (shown_after,) = before.values(), after.values()
        if found := _differences(shown_before, shown_after, path):
            return found
    return [Difference(dotted(path), None, None)]


def _differences(old: Any, new: Any, path: Path) -> list[Difference]:
    """The leaves that differ: a section is compared key by key, a list as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys([*old, *new])
        return [one for key in keys for one in _differences(old.get(key), new.get(key), (*path, key))]
    return [] if old == new else [Difference(dotted(path), _text(old), _text(new))]


def _text(value: Any) -> str:
    """A value for people, as the file may have it."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
