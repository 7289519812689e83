"""A file of a thousand providers: checked and reloaded in a moment."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rig.daemon import provider
from rig.patience import eventually
from rig.stage import Stage

SECONDS = 2.0
"""Of CPU for a check."""

PROVIDER = """
  p{n}:
    title: Provider {n}
    host: smpp{n}.example.net
    system_id: acme
    password: secret
    senders: [ACME, Shop{n}]
    max_rate: {n}.5
    retries: {{max_age: 1h, delays: [5s, 15s]}}
    encodings:
      - {{name: gsm7, data_coding: 0}}
      - {{name: ucs2, data_coding: 8}}
    quiet_hours: {{from: "22:00", to: "08:00", timezone: Europe/Moscow}}
"""


def check(file: Path) -> tuple[subprocess.CompletedProcess[str], float]:
    """`smsd check`, and the seconds of CPU that it took: those of the clock are shared with others."""
    before = os.times()
    done = subprocess.run([sys.executable, "-m", "smsd", "check", str(file)], capture_output=True, text=True)
    after = os.times()
    return done, after.children_user + after.children_system - before.children_user - before.children_system


def test_a_check_takes_less_than_two_seconds_and_names_the_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "smsd.yaml"
    text = "providers:" + "".join(PROVIDER.format(n=n) for n in range(1, 1001))
    file.write_text(text)
    good, seconds = check(file)
    assert (good.returncode, good.stdout) == (0, f"{file}: ok, 1000 providers\n")
    assert seconds < SECONDS
    file.write_text(text.replace("Shop777]\n", "Shop777]\n    windw: 5\n"))
    line = text[: text.index("Shop777]")].count("\n") + 2
    bad, seconds = check(file)
    assert bad.returncode == os.EX_CONFIG
    problems = [line for line in bad.stderr.splitlines() if ": warning: " not in line]
    assert problems == [f"{file}:{line}:5: providers.p777.windw: unknown key; did you mean 'window'?"]
    assert seconds < SECONDS


def test_a_reload_of_a_few_among_a_thousand_tells_just_those(stage: Stage) -> None:
    journal = {"path": str(stage.directory / "journal.db")}
    providers: dict[str, Any] = {f"p{n}": provider(1, active=n < 5, system_id=f"s{n}") for n in range(1000)}
    away = stage.forward()  # the broker is not there: nobody waits for three thousand queues
    daemon = stage.daemon(providers, url=away.url, ready=False, journal=journal)
    eventually(lambda: daemon.web("/livez")[0] == 200)
    changed = {**providers, "p1": {**providers["p1"], "max_rate": 5}, "p3": provider(2), "p900": provider(1)}
    stage.configure(daemon, changed, url=away.url, journal=journal)
    began = time.monotonic()
    daemon.hup()
    eventually(lambda: daemon.logged("config_reloaded"), 30.0)
    print(f"reloaded in {time.monotonic() - began:.2f} s")
    (told,) = daemon.logged("config_reloaded")
    assert told["detail"] == "activate 1, rebind 1, in place 1"
    assert daemon.status()["providers"]["p900"]["active"] is True
