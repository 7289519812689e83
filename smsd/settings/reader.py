"""YAML text → Settings, or every problem at once, each with its line and column.

The way of a file: `tree` reads it into places, `defaults` and then its preset are laid under each provider, secrets are
fetched, the models check every value, `rules` what stands between them. A problem names the place where its value is
written: one that comes from `defaults` or an anchor is told there, once. No secret is ever part of a sentence.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smsd.settings import rules
from smsd.settings.effective import Setting, settings_of
from smsd.settings.model import Provider, Secret, Section, Settings
from smsd.settings.presets import PRESETS
from smsd.settings.problems import Mark, Path, Problem, Problems, SettingsError
from smsd.settings.schema import SECRET, SOURCES
from smsd.settings.secrets import Unavailable, fetch
from smsd.settings.sentences import fragment_at, must_be, unknown_key
from smsd.settings.tree import Place, Unreadable, compose

__all__ = ["Loaded", "Problem", "SettingsError", "load", "read"]

ABSENT = object()
LOOKED_AT = ("node", "journal", "http", "providers")
"""What it takes to look at a smsd from outside."""
PLAIN_TEXT = "a password in plain text; better {file: …}, {env: …} or {credential: …}"

SomeSection = TypeVar("SomeSection", bound=Section)


@dataclass(frozen=True, slots=True)
class Loaded:
    settings: Settings
    warnings: list[Problem]
    places: dict[str, Place] = field(repr=False)
    """What each provider was read from."""

    def effective(self) -> dict[str, list[Setting]]:
        """Return each provider's settings in force, and where each comes from."""
        return {name: settings_of(one, self.places[name]) for name, one in self.settings.providers.items()}


def load(path: str, *, secrets: bool = True, credentials: bool = True) -> Loaded:
    """Read the file at `path`. Raises SettingsError with all problems.

    Without `secrets` every fetched one is empty, without `credentials` those that only the service is handed.
    """
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise SettingsError([Problem(path, line, column, "file", "not UTF-8 text")]) from None
    except OSError as error:
        raise SettingsError([Problem(path, 1, 1, "file", f"can't be read: {error.strerror}")]) from None
    except ValueError:
        raise SettingsError([Problem(path, 1, 1, "file", "can't be read: no such name is possible")]) from None
    return read(text, path, secrets=secrets, credentials=credentials)


def read(text: str, file: str, *, secrets: bool = True, credentials: bool = True) -> Loaded:
    """Read a configuration from its text; `file` is its name in problems, and secret files are relative to it."""
    problems = Problems(file)
    try:
        root = compose(text, problems)
    except Unreadable as error:
        raise SettingsError([Problem(file, error.mark.line, error.mark.column, "yaml", error.sentence)]) from None
    reading = _Reading(root, problems, secrets, credentials)
    settings = reading.settings()
    if settings is None or problems.errors():
        raise SettingsError(problems.errors(), settings or reading.rest)
    return Loaded(settings, problems.warnings(), reading.places)


class _Reading:
    """One file on its way from places to Settings."""

    def __init__(self, root: Place, problems: Problems, secrets: bool, credentials: bool) -> None:
        self.root = Place(root.mark, {}) if root.value is None else root
        self.problems = problems
        self.secrets = secrets
        self.credentials = credentials
        self.folder = os.path.dirname(problems.file)
        self.places: dict[str, Place] = {}  # what each provider is made of
        self.good: dict[Path, tuple[Provider, Place]] = {}  # `defaults` and providers, the same way
        self.rest: Settings | None = None  # what is good of a file that is not

    def settings(self) -> Settings | None:
        if not isinstance(self.root.value, dict):
            self.problems.add(self.root.mark, (), "the file must be a mapping of keys to values")
            return None
        defaults = self.section(self.root, ("defaults",)) or Place(self.root.mark, {})
        providers = self.section(self.root, ("providers",)) or Place(self.root.mark, {})
        if defaults.inner:
            lonely = not {"host", "hosts"} & defaults.inner.keys()
            self.provider("defaults", with_preset(defaults), ("defaults",), {"host": "localhost"} if lonely else {})
        found: dict[str, Provider] = {}
        for name in map(str, providers.inner):
            place = self.merged(name, providers, defaults)
            provider = place and self.provider(name, place, ("providers", name), {})
            if place and provider:
                found[name] = provider
                self.places[name] = place
        for name, sentence in rules.same_connections(found):
            self.problems.add(providers.keys[name], ("providers", name), sentence)
        return self.whole(found)

    def section(self, parent: Place, path: Path) -> Place | None:
        """Return the mapping at the end of the path, empty where there is none; None if it is something else."""
        place = parent.inner.get(path[-1], Place(parent.mark))
        if place.value is None or isinstance(place.value, dict):
            return Place.mapping(place.mark, place.inner, place.keys)
        self.problems.add(place.mark, path, must_be(fragment_at(path), place.value))
        return None

    def merged(self, name: str, providers: Place, defaults: Place) -> Place | None:
        """Return a provider's own mapping over `defaults` over its preset; None if it has none."""
        path = ("providers", name)
        bad_name = rules.name_problem(name)
        if bad_name:
            self.problems.add(providers.keys[name], path, bad_name)
        own = self.section(providers, path)
        if own is None:
            return None
        if {"host", "hosts"} <= own.inner.keys():
            self.problems.add(own.keys["hosts"], (*path, "hosts"), "give either host or hosts, not both")
        if {"host", "hosts"} & own.inner.keys():  # its own hosts, in either form, replace those of the defaults
            inner = {key: place for key, place in defaults.inner.items() if key not in ("host", "hosts")}
            defaults = Place.mapping(defaults.mark, inner, defaults.keys)
        return with_preset(defaults.overlaid(own))

    def provider(self, name: str, place: Place, path: Path, extra: dict[str, Any]) -> Provider | None:
        if "name" in place.inner:
            self.problems.add(place.keys["name"], (*path, "name"), unknown_key("name", fragment_at(path)))
        values = with_hosts({**extra, **place.value, "name": name})
        if "password" in values:
            values["password"] = self.secret(place.inner["password"], (*path, "password")) or Secret("")
        provider = self.checked(Provider, place, path, values)
        if provider:
            self.good[path] = provider, place
        for inside, sentence in rules.provider_warnings(provider) if provider else ():
            self.problems.add(follow(place, inside)[0].mark, (*path, *inside), sentence, warning=True)
        return provider

    def whole(self, providers: dict[str, Provider]) -> Settings | None:
        values: dict[str, Any] = {**self.root.value, "providers": providers}
        values.pop("defaults", None)
        broker = self.root.inner.get("broker", self.root)
        if broker is not self.root and "password" in broker.inner:
            secret = self.secret(broker.inner["password"], ("broker", "password"))
            values["broker"] = {**broker.value, "password": secret}
        settings = self.checked(Settings, self.root, (), values)
        if settings is None:
            with suppress(ValidationError):
                self.rest = Settings.model_validate({key: values[key] for key in LOOKED_AT if key in values})
        else:
            self.check_receipt_waits(settings.journal.keep)
        for inside, sentence in rules.settings_warnings(settings) if settings else ():
            self.problems.add(follow(self.root, inside)[0].mark, inside, sentence, warning=True)
        return settings

    def check_receipt_waits(self, keep: float) -> None:
        for path, (provider, place) in self.good.items():
            if sentence := rules.receipt_wait_problem(provider, keep):
                self.problems.add(follow(place, ("receipt_wait",))[0].mark, (*path, "receipt_wait"), sentence)

    def secret(self, place: Place, path: Path) -> Secret | None:
        """Fetch what a password's value points to; one that can't be had is a problem, and empty."""
        value = place.value
        if isinstance(value, str):
            if value:
                self.problems.add(place.mark, path, PLAIN_TEXT, warning=True)
            return Secret(value)
        if isinstance(value, dict) and len(value) == 1:
            ((source, name),) = value.items()
            if source in SOURCES and isinstance(name, str):
                wanted = self.secrets and (self.credentials or source != "credential")
                return self.fetched(source, name, place.mark, path) if wanted else Secret("")
        if value is not None:
            self.problems.add(place.mark, path, must_be(SECRET, value))
        return None

    def fetched(self, source: str, name: str, mark: Mark, path: Path) -> Secret | None:
        try:
            found = fetch(source, name, self.folder)
        except Unavailable as error:
            self.problems.add(mark, path, str(error))
            return None
        if found.warning:
            self.problems.add(mark, path, found.warning, warning=True)
        return found.secret

    def checked(self, model: type[SomeSection], place: Place, path: Path, values: object) -> SomeSection | None:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                self.explain(detail, place, path)
        return None

    def explain(self, detail: ErrorDetails, place: Place, path: Path) -> None:
        """Turn one refusal of the models into a problem at the place where the value is written."""
        kind, ctx = detail["type"], detail.get("ctx", {})
        loc = (*as_written(detail["loc"], place), *ctx.get("at", ()))
        found, key, taken = follow(place, loc)
        if kind == "too_short" and found.value:
            return  # items that were refused are not counted: each has a problem of its own
        if kind == "rule":
            self.problems.add(found.mark, (*path, *loc), ctx["sentence"])
        elif kind == "extra_forbidden":
            section = fragment_at((*path, *loc[:-1]))
            misplaced = not path and len(loc) == 1 and {"host", "hosts"} & found.inner.keys()
            sentence = "unknown key; a provider stands under 'providers:'" if misplaced else None
            self.problems.add(key or found.mark, (*path, *loc), sentence or unknown_key(str(loc[-1]), section))
        elif kind == "missing":
            # A provider's own key shows where something is missing; what is deeper begins close by.
            mark = found.mark if taken else self.root.inner["providers"].keys[path[-1]]
            self.problems.add(mark, (*path, *loc), "required: host, or hosts" if loc == ("host",) else "required")
        elif loc[-1] == "[key]":
            self.problems.add(key or found.mark, (*path, *taken), "the key must be a number such as 254 or 0xFE")
        else:
            self.problems.add(found.mark, (*path, *taken), must_be(fragment_at((*path, *taken)), found.value))


def follow(place: Place, loc: Path) -> tuple[Place, Mark | None, Path]:
    """Follow a path as far as the file goes: the last place, where its key stands (if it has one), the steps taken."""
    key = None
    taken: Path = ()
    for step in loc:
        if step not in place.inner:
            break
        key = place.keys.get(step)
        place = place.inner[step]
        taken = (*taken, step)
    return place, key, taken


def with_preset(place: Place) -> Place:
    """Return a provider's mapping over the preset that it names; a name that is none is for the models to refuse."""
    named = place.inner.get("preset")
    if named is None or not isinstance(named.value, str) or named.value not in PRESETS:
        return place
    return Place.planted(PRESETS[named.value], named.mark, "preset").overlaid(place)


def with_hosts(values: dict[str, Any]) -> dict[str, Any]:
    """Bring `host` and `port` into the one form of the models, `hosts`; `port` stands in where a host has none."""
    host, hosts = values.pop("host", ABSENT), values.get("hosts", ABSENT)
    shared = {"port": values.pop("port")} if "port" in values else {}
    if isinstance(hosts, list):
        values["hosts"] = [{**shared, **one} if isinstance(one, dict) else one for one in hosts]
    elif hosts is ABSENT and host is not ABSENT:
        values["hosts"] = [{**shared, "host": host}]
    return values


def as_written(loc: Path, place: Place) -> Path:
    """Undo `with_hosts` for the path of an error: name the key that the file has; one `url` is no list there."""
    if loc[:2] == ("broker", "url"):
        return follow(place, loc)[2]
    if loc[:1] != ("hosts",):
        return loc
    if "hosts" not in place.inner:
        return loc[2:] or ("host",)
    found, _, _ = follow(place, loc[:2])
    return ("port",) if loc[2:] == ("port",) and "port" not in found.inner else loc
