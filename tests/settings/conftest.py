from collections.abc import Callable

import pytest

from smsd.settings.reader import SettingsError, read


@pytest.fixture
def problems() -> Callable[[str], list[str]]:
    """Every problem of a text that must not be accepted, as printed, the file being called f.yaml."""

    def refused(text: str) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            read(text, "f.yaml")
        return [str(problem) for problem in caught.value.problems]

    return refused


@pytest.fixture
def warnings() -> Callable[[str], list[str]]:
    """Every warning about a text that must be accepted, as printed, the file being called f.yaml."""

    def warned(text: str) -> list[str]:
        return [str(problem) for problem in read(text, "f.yaml").warnings]

    return warned
