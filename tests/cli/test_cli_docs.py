"""docs/cli.md names every command, argument and option of the command line, and no other."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from semsearch.cli.main import app

PAGE = (Path(__file__).parents[2] / "docs/cli.md").read_text(encoding="utf-8")
COMMAND: Any = get_command(app)
COMMANDS: dict[str, Any] = {
    f"{name} {part}".strip(): each
    for name, command in COMMAND.commands.items()
    for part, each in getattr(command, "commands", {"": command}).items()
}
HELP = {"-h", "--help"}


def sections() -> dict[str, str]:
    """Text below each heading of the second level; what precedes the first one is under the empty name."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def options(command: Any) -> set[str]:  # noqa: ANN401 - typer's classes are private
    return {name for parameter in command.params if parameter.param_type_name == "option" for name in parameter.opts}


def documented_options(section: str) -> set[str]:
    """The options in the first column of the table."""
    cells = re.findall(r"^\| (`-.*?) \|", section.replace("\\|", "/"), re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", cell)}


def test_the_page_has_a_section_for_each_command_and_no_other() -> None:
    assert set(sections()) == {"", *COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_section_of_a_command_lists_its_options_and_no_other(name: str) -> None:
    assert documented_options(sections()[name]) == options(COMMANDS[name]) - HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_the_synopsis_of_a_command_has_its_arguments_in_order(name: str) -> None:
    synopsis = re.findall(rf"^    semsearch {name}\b(.*)$", sections()[name], re.MULTILINE)[0]
    arguments = [each.metavar for each in COMMANDS[name].params if each.param_type_name == "argument"]
    positions = [synopsis.find(argument) for argument in arguments]
    assert positions == sorted(positions)
    assert -1 not in positions


def test_the_global_options_are_listed_and_no_other() -> None:
    assert documented_options(sections()[""]) == options(COMMAND) | HELP
