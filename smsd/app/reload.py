"""SIGHUP: the file is read and checked, compared with what is in force, and applied; a bad one changes nothing.

Reading happens in a thread: the binds go on meanwhile. What a reload decides counts at once; binds that have to end
are drained in the background, and their events tell how it went.
"""

import asyncio
import time

import structlog

from smsd.app.holdings import Holdings
from smsd.app.pulse import Pulse
from smsd.app.view import View
from smsd.flow.events import Events
from smsd.flow.supervisor import Supervisor
from smsd.links import logs
from smsd.links.meter import PrometheusMeter
from smsd.links.web import WebServer
from smsd.settings.change import Change, change, in_force
from smsd.settings.model import Settings
from smsd.settings.reader import Loaded, SettingsError, load

log = structlog.get_logger("smsd.config")


class Reload:
    """Keeps the settings in force; `path` is the file's."""

    def __init__(
        self,
        path: str,
        settings: Settings,
        *,
        holdings: Holdings,
        events: Events,
        meter: PrometheusMeter,
        view: View,
        pulse: Pulse,
        web: WebServer,
        supervisor: Supervisor,
    ) -> None:
        self.settings = settings
        self._path = path
        self._holdings = holdings
        self._events = events
        self._meter = meter
        self._view = view
        self._pulse = pulse
        self._web = web
        self._supervisor = supervisor
        self._asked = False
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def ask(self) -> None:
        """One reload, now, or another one after that which is under way: of several wishes meanwhile, one."""
        self._asked = True
        if not self._stopped and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="reload")

    def stop(self) -> None:
        """No reload any more: not even one that has been read already."""
        self._stopped = True

    async def _run(self) -> None:
        while self._asked and not self._stopped:
            self._asked = False
            self._pulse.reloading()
            try:
                loaded = await asyncio.get_running_loop().run_in_executor(None, load, self._path)
                if not self._stopped:
                    await self._apply(loaded)
            except SettingsError as error:
                self._refuse("nothing has changed", [str(problem) for problem in error.problems])
            except Exception as error:
                self._supervisor.tell("reload", error)
                problem = f"an error of smsd's own, not of the file: {error!r}; restart smsd to be sure"
                self._refuse("perhaps not all of it counts", [problem])
            self._pulse.reloaded()

    def _refuse(self, outcome: str, problems: list[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        self._view.refused = problems[0] + more
        detail = f"{outcome}: {problems[0]}{more}"
        self._events.emit("config_refused", detail=detail, problems=problems)

    async def _apply(self, loaded: Loaded) -> None:
        before = self.settings
        for warning in loaded.warnings:
            log.warning("config", detail=str(warning))
        found = change(before, loaded.settings)
        settings = in_force(before, loaded.settings)
        if settings.http.listen != before.http.listen and (why := await self._move_web(settings.http.listen)):
            log.error("http", detail=why)
            settings = settings.model_copy(update={"http": before.http})
        logs.set_level(settings.log.level)
        logs.set_format(settings.log.format)
        self.settings = self._view.settings = settings
        self._meter.set_providers(settings.providers)
        self._holdings.apply(settings, {one.name: str(one) for one in found.providers})
        self._view.refused = None
        self._view.configured_at = time.time()
        self._tell(found, before, settings)

    def _tell(self, found: Change, before: Settings, settings: Settings) -> None:
        changes = found.lines()
        if settings.http == before.http and any(one.key == "http.listen" for one in found.live):
            changes = [*changes, f"not applied: http.listen stays {before.http.listen}: see the log"]
        for restart in found.restart:
            log.warning("config", detail=f"needs a restart, not applied: {restart}")
        self._events.emit("config_reloaded", detail=found.summary(), changes=changes)

    async def _move_web(self, listen: str) -> str | None:
        """Listens there instead; why not, if it can't be."""
        try:
            await self._web.move(listen)
        except OSError as error:
            return f"can't listen on {listen}: {error.strerror or error}; it stays where it was"
        log.info("listening", detail=f"/metrics /livez /readyz /status on {listen or 'no port any more'}")
        return None
