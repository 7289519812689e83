"""P1: pydantic looks at the signature of what it is given, and newer Pythons give signatures to more built-ins.

On Python 3.13 `str.format` got `(*args, **kwargs)`, which pydantic refuses: smsd did not start. Which built-in is next
nobody knows, so none is given.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any

import pytest
from pydantic import BaseModel

import smsd

PYTHON = (FunctionType, MethodType, type, functools.partial)
"""What is written in Python: its signature is the one in the source, in every version."""


def every_model() -> dict[str, type[BaseModel]]:
    """The models of all of smsd, by module and name."""
    for module in pkgutil.walk_packages(smsd.__path__, "smsd."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {f"{model.__module__}.{model.__qualname__}": model for model in below(BaseModel) if is_ours(model)}


def below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        yield each
        yield from below(each)


def is_ours(model: type[BaseModel]) -> bool:
    return model.__module__.startswith("smsd.")


def functions(schema: Any, seen: set[int]) -> Iterator[Callable[..., Any]]:
    """Every validator and serializer in pydantic's own form of a model, at any depth."""
    if isinstance(schema, dict):
        if id(schema) not in seen:
            seen.add(id(schema))
            for key, value in schema.items():
                if key == "function" and callable(value):
                    yield value
                elif key != "metadata":
                    yield from functions(value, seen)
    elif isinstance(schema, (list, tuple)):
        for each in schema:
            yield from functions(each, seen)


MODELS = every_model()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_fault_p1_pydantic_is_given_no_built_in_function(name: str) -> None:
    given = list(functions(MODELS[name].__pydantic_core_schema__, set()))
    assert [function for function in given if not isinstance(function, PYTHON)] == []


def test_fault_p1_the_search_finds_the_functions_of_nested_models() -> None:
    given = functions(MODELS["smsd.settings.model.Settings"].__pydantic_core_schema__, set())
    names = {getattr(function, "__name__", "") for function in given}
    assert {"number", "in_units", "hex_bytes", "epoch"} - names == {"epoch"}  # that one is the contract's
