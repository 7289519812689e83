"""Alert rules, their cases and runbooks, the dashboard and the documents: they hold together, and to what smsd says."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from rig import debian
from rig.rabbit import private_node

from smsd.links.meter import table
from smsd.links.meter.meter import PrometheusMeter
from smsd.links.meter.table import About

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "smsd.json"
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]

METRICS = {about.name: about for about in vars(table).values() if isinstance(about, About)}
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"] for rule in group["rules"]]
ALERTS = [rule["alert"] for rule in RULES]
CASES = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
PANELS = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


def promtool(*arguments: str, cwd: Path = PROMETHEUS) -> str:
    """The machine's, or the one of the release that is tested against."""
    command = private_node.within(debian.programs(), ["promtool", *arguments])
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def minutes(time: str) -> int:
    return int(time[:-1]) * {"m": 1, "h": 60}[time[-1]]


def firing(case: dict[str, Any], alert: str) -> list[tuple[int, bool]]:
    """When the case looks at the alert, in order, and whether it fires then."""
    looks = [look for look in case["alert_rule_test"] if look["alertname"] == alert]
    return sorted((minutes(look["eval_time"]), bool(look["exp_alerts"])) for look in looks)


def unknown_names(text: str) -> set[str]:
    """Names in the text that look like metrics of ours, and are none; a credential's name looks like one, too."""
    names = set(re.findall(r"(?<!credential: )\bsmsd_[a-z_]*[a-z]\b(?!\.|/|-)", text))
    known = {*METRICS, "smsd_build_info"}
    known |= {name + end for name, about in METRICS.items() if about.bounds for end in ("_bucket", "_sum", "_count")}
    return names - known


# --- alert rules


def test_promtool_has_no_complaint_about_the_rules() -> None:
    told = promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yml")
    assert f"SUCCESS: {len(RULES)} rules found" in told
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml")


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_case_in_which_it_fires_and_resolves_and_one_in_which_it_does_not(alert: str) -> None:
    looks = [found for case in CASES if (found := firing(case, alert))]
    fires = [[fired for _, fired in each] for each in looks if any(fired for _, fired in each)]
    assert fires != []
    assert all(each[-1] is False for each in fires), "it does not resolve"
    assert [each for each in looks if not any(fired for _, fired in each)] != [], "no case must not fire"


@pytest.mark.parametrize("rule", RULES, ids=ALERTS)
def test_each_alert_says_how_bad_what_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/alerts.md#{rule['alert'].lower()}"


def test_the_runbook_has_a_section_for_each_alert_in_their_order_and_every_link_in_it_leads_somewhere() -> None:
    runbook = (ROOT / "docs" / "alerts.md").read_text()
    sections = re.findall(r"^## (Smsd\w+)$", runbook, re.MULTILINE)
    assert sections == ALERTS
    assert set(re.findall(r"\(#(\w+)\)", runbook)) <= {section.lower() for section in sections}
    for section in runbook.split("\n## Smsd")[1:]:
        assert "\n1. " in section, section.splitlines()[0]


# --- names


def test_rules_cases_and_documents_name_only_metrics_that_there_are() -> None:
    files = [PROMETHEUS / "rules.yml", PROMETHEUS / "rules_test.yml", DASHBOARD, *DOCUMENTS]
    wrong = {file.name: unknown_names(file.read_text()) for file in files}
    assert {name: names for name, names in wrong.items() if names} == {}


def test_rules_and_dashboard_ask_only_for_labels_and_words_that_there_are() -> None:
    texts = [rule["expr"] for rule in RULES] + EXPRESSIONS
    asked = [found for text in texts for found in re.findall(r"\b(smsd_\w+)\{([^}]*)\}", text)]
    assert asked != []
    for name, selector in asked:
        about = METRICS.get(name) or METRICS[name.rsplit("_", 1)[0]]
        for label, words in re.findall(r'(\w+)=~?"([^"]*)"', selector):
            if label not in ("job", "instance") and not (label == "provider" and not about.of_daemon):
                assert label == about.label, f"{name} has no label {label}"
                assert set(words.split("|")) <= set(about.words), f"{name} has no {label} {words}"


def test_every_metric_is_documented_as_it_is() -> None:
    shown = PrometheusMeter(["acme"], version="1").render().decode()
    helps = dict(re.findall(r"^# HELP (smsd_\w+) (.*)$", shown, re.MULTILINE))
    kinds = dict(re.findall(r"^# TYPE (smsd_\w+) (\w+)$", shown, re.MULTILINE))
    document = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(smsd_\w+)` \| (\w+) \| (.*) \| (.*) \|$", document, re.MULTILINE)
    assert {name: (kind, help) for name, kind, _, help in rows} == {n: (kinds[n], helps[n]) for n in helps}
    assert len(rows) == len(helps)
    labels = {name: label.split("`")[1] if label else "" for name, _, label, _ in rows if name != "smsd_build_info"}
    assert labels == {name: about.label for name, about in METRICS.items()}


# --- the dashboard


def test_the_dashboard_can_be_provisioned() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert (dashboard["id"], dashboard["uid"], dashboard["tags"]) == (None, "smsd-overview", ["smsd"])
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "instance", "provider"]
    assert "__inputs" not in dashboard
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    provisioning = yaml.safe_load((DASHBOARD.parents[1] / "provisioning" / "dashboards" / "smsd.yml").read_text())
    assert [provider["type"] for provider in provisioning["providers"]] == ["file"]


def test_no_panel_covers_another_and_each_has_its_unit_and_its_sentence() -> None:
    places = {panel["id"]: panel["gridPos"] for panel in json.loads(DASHBOARD.read_text())["panels"]}
    for a, b in combinations(places.values(), 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"], (a, b)
    assert all(place["x"] + place["w"] <= 24 for place in places.values())
    for panel in PANELS:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))


def test_every_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    values = {"$__rate_interval": "5m", "$instance": ".*", "$provider": "acme|beta"}
    rules = []
    for number, expression in enumerate(EXPRESSIONS):
        for variable, value in values.items():
            expression = expression.replace(variable, value)
        assert "$" not in expression
        rules.append({"record": f"panel:{number}", "expr": expression})
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(EXPRESSIONS)} rules found" in promtool("check", "rules", "rules.yml", cwd=tmp_path)


def test_the_dashboard_shows_what_the_alerts_are_about() -> None:
    shown = set(re.findall(r"smsd_\w+", " ".join(EXPRESSIONS)))
    asked = set(re.findall(r"smsd_\w+", " ".join(rule["expr"] for rule in RULES)))
    assert asked - shown == {"smsd_messages_uncertain", "smsd_receipts_awaited_total"}  # as results and receipts there
