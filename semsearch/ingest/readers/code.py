"""The reader of source code, which it keeps as it is; the metadata key `code_language` says in which language."""

from collections.abc import Iterator

from semsearch.ingest.readers.content import Content, of_text
from semsearch.ingest.readers.contract import FoundFile, Reader
from semsearch.types import Document, Failure, Limits

_SUFFIXES = {
    "bash": ".bash .sh .zsh",
    "c": ".c .h",
    "clojure": ".clj .cljs",
    "cpp": ".cc .cpp .cxx .hh .hpp .hxx",
    "csharp": ".cs",
    "cuda": ".cu .cuh",
    "dart": ".dart",
    "elixir": ".ex .exs",
    "erlang": ".erl .hrl",
    "fortran": ".f90 .f95",
    "fsharp": ".fs",
    "go": ".go",
    "haskell": ".hs",
    "java": ".java",
    "javascript": ".cjs .js .jsx .mjs",
    "julia": ".jl",
    "kotlin": ".kt .kts",
    "lua": ".lua",
    "objective-c": ".m .mm",
    "ocaml": ".ml .mli",
    "perl": ".pl .pm",
    "php": ".php",
    "powershell": ".ps1",
    "proto": ".proto",
    "python": ".py .pyi .pyx",
    "r": ".r",
    "ruby": ".rb",
    "rust": ".rs",
    "scala": ".scala",
    "sql": ".sql",
    "swift": ".swift",
    "terraform": ".tf",
    "typescript": ".mts .ts .tsx",
    "vue": ".vue",
    "zig": ".zig",
}
LANGUAGES = {suffix: language for language, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}


def _read(file: FoundFile, limits: Limits) -> Iterator[Document | Failure]:
    metadata = {"code_language": LANGUAGES[file.path.suffix.lower()]}
    return of_text("code", lambda text: Content(text, metadata=dict(metadata)))(file, limits)


CODE = Reader("code", tuple(LANGUAGES), _read, prose=False, sandboxed=False)
