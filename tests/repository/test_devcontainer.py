"""The devcontainer, as far as it can be tried without an engine: its fields, and its commands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import course

ROOT = Path(__file__).resolve().parents[2]
CONTAINER: dict[str, Any] = json.loads(
    (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
)
# Of the published schema, what is used here: the type of each property.
SCHEMA: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "image": str,
    "hostRequirements": dict,
    "onCreateCommand": str,
    "postAttachCommand": str,
    "forwardPorts": list,
    "portsAttributes": dict,
    "customizations": dict,
}


def test_it_has_the_properties_of_the_schema_and_no_other() -> None:
    assert set(CONTAINER) <= set(SCHEMA)
    for name, value in CONTAINER.items():
        assert isinstance(value, SCHEMA[name]), name


def test_it_asks_for_two_cpus_and_the_python_of_binder() -> None:
    assert CONTAINER["hostRequirements"]["cpus"] == 2
    python = re.search(r"python=(\S+)", (ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert python
    assert f":{python[1]}-" in CONTAINER["image"]


@pytest.mark.parametrize("name", ["onCreateCommand", "postAttachCommand"])
def test_its_commands_are_commands_of_the_course(name: str) -> None:
    python, file, command, *arguments = shlex.split(CONTAINER[name])
    assert (python, file, command) == ("python3", "course.py", "lab")
    assert (ROOT / file).exists()
    assert command in course.COMMANDS
    ports = {str(port) for port in CONTAINER["forwardPorts"]}
    assert ports == set(CONTAINER["portsAttributes"])
    if "--port" in arguments:
        assert arguments[arguments.index("--port") + 1] in ports


def test_its_interpreter_is_the_one_that_course_py_makes() -> None:
    settings = CONTAINER["customizations"]["vscode"]["settings"]
    path = settings["python.defaultInterpreterPath"]
    assert path == "${containerWorkspaceFolder}/.venv/bin/python"
    assert course.VENV == ROOT / ".venv"
