"""Reads source code with tree-sitter: where statements and definitions begin, and how deep in the syntax tree.

What a cut there is worth is in `methods`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from semsearch.errors import MissingDependencyError
from semsearch.ingest.chunking.pieces import Numbers

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# The grammars of the extra `code`: module, and the function in it that gives the language.
_GRAMMARS = {
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "python": ("tree_sitter_python", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
}


class Outline(NamedTuple):
    """What begins a line of source code: where, in characters, and how deep in the syntax tree, (n,) each."""

    starts: Numbers
    depths: Numbers


def outline(text: str, language: object) -> Outline:
    """The outline of source code; an empty one in a language of which there is no grammar here.

    Raises:
        MissingDependencyError: the extra `code` is not installed.
    """
    encoded = text.encode()
    found = _beginnings(_parser(language).parse(encoded).root_node) if language in _GRAMMARS else []
    rows = np.array(found, np.int64).reshape(-1, 2)
    continued = (np.frombuffer(encoded, np.uint8) & 0xC0) == 0x80  # bytes of UTF-8 that begin no character
    return Outline(rows[:, 0] - np.append(0, np.cumsum(continued))[rows[:, 0]], rows[:, 1])


def _parser(language: str) -> "Parser":
    module, function = _GRAMMARS[language]
    try:
        from tree_sitter import Language, Parser

        grammar = import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"a document in {language} is to be cut by its syntax, and {error.name} is not installed: "
            "pip install 'semsearch[code]'"
        ) from error
    return Parser(Language(getattr(grammar, function)()))


def _beginnings(root: "Node") -> list[tuple[int, int]]:
    """The byte and the depth of each node that is the first on its line; of nested ones only the outermost."""
    found, row = [], -1
    pending = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        first, last = node.start_point.row, node.end_point.row
        if first > row:
            row = first
            if node.is_named:
                found.append((node.start_byte, depth))
        if first < last:
            pending += [(child, depth + 1) for child in reversed(node.children)]
    return found
