"""docs/operating.md is read at night: what it says to type exists, its examples are good, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from smsd.cli import COMMANDS, main
from smsd.settings.reader import load

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operating.md").read_text("utf-8")


def commands() -> list[list[str]]:
    """Every `smsd …` of the guide, as words: whole lines of consoles, and whatever is set as code."""
    typed = re.findall(r"^ *# (smsd .*?)(?: {2,}#.*)?$", GUIDE, re.MULTILINE)
    return [shlex.split(each)[1:] for each in typed + re.findall(r"`(?:[A-Z_]+=\S+ )?(smsd [a-z][^`]*)`", GUIDE)]


def test_every_command_of_the_guide_exists_and_has_the_options_that_it_names() -> None:
    found = commands()
    assert len(found) > 10
    assert [words for words in found if words[0] not in COMMANDS] == []
    context = click.Context(main)
    for verb, *words in found:
        command = main.get_command(context, verb)
        assert command is not None
        known = {option for parameter in command.params for option in parameter.opts}
        named = {word for word in words if word.startswith("--")}
        assert named <= known, verb


def test_the_examples_of_its_settings_are_good(tmp_path: Path) -> None:
    whole = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    settings = [each for each in whole if "providers" in each]
    assert len(settings) == 2
    for each in settings:
        for provider in each["providers"].values():
            provider.setdefault("host", "smpp.example.net")
        file = tmp_path / "smsd.yaml"
        file.write_text(yaml.safe_dump(each))
        assert load(str(file), secrets=False).warnings == []


def anchors(text: str) -> set[str]:
    """Of its headings, as they are linked to."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", GUIDE))))
def test_its_links_lead_somewhere(link: str) -> None:
    path, _, anchor = link.partition("#")
    file = ROOT / "docs" / path if path else ROOT / "docs" / "operating.md"
    assert file.exists()
    assert not anchor or anchor in anchors(file.read_text("utf-8"))
