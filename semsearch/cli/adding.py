"""Commands that put documents in: add, sync, build."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from semsearch.cli.ingesting import Files, RecipeSources, Target, ingest, tell_plan
from semsearch.cli.parameters import AsJson, CollectionName, Verbose
from semsearch.cli.shelf import Shelf

Paths: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Files, folders, globs, .jsonl; - is JSON lines on stdin.")
]
Model: TypeAlias = Annotated[
    str | None, typer.Option("--model", help="For a new collection: a sentence-transformers name or folder.")
]
Dim: TypeAlias = Annotated[
    int | None, typer.Option("--dim", help="For a new collection without a model: numbers in each vector.")
]
TargetRecall: TypeAlias = Annotated[
    float | None,
    typer.Option("--target-recall", help="For a new collection: what its searches aim at, 0.95 if not said."),
]
ChunkingMethod: TypeAlias = Annotated[
    str | None,
    typer.Option("--chunking", help="For a new collection: where documents are cut, by tokens if not said."),
]
ChunkTokens: TypeAlias = Annotated[
    int | None,
    typer.Option("--chunk-tokens", help="For a new collection: the most in a chunk, what its model reads."),
]
Overlap: TypeAlias = Annotated[
    int | None,
    typer.Option("--overlap", help="For a new collection: tokens of a chunk that the next one repeats, 0."),
]
Precision: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="auto|float32|bfloat16|float16|int8",
        help="For a new collection: what its model computes in, auto if not said.",
    ),
]
RetryFailed: TypeAlias = Annotated[
    bool, typer.Option("--retry-failed", help="Read again what could not be read, though it has not changed.")
]
AllFiles: TypeAlias = Annotated[bool, typer.Option("--files", help="Tell what became of each file.")]


def add(
    context: typer.Context,
    collection: CollectionName,
    paths: Paths,
    *,
    model: Model = None,
    dim: Dim = None,
    target_recall: TargetRecall = None,
    chunking: ChunkingMethod = None,
    chunk_tokens: ChunkTokens = None,
    overlap: Overlap = None,
    precision: Precision = None,
    retry_failed: RetryFailed = False,
    files: AllFiles = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Add documents, or replace them by id.

    A collection that does not exist is created. Files that have not changed are not read again. Documents that cannot
    be read or stored are reported, and the others are added all the same; the exit code is then 2.
    """
    cut = _said(method=chunking, tokens=chunk_tokens, overlap=overlap)
    target = Target(Shelf.of(context), collection, model, dim, target_recall, precision=precision, chunking=cut)
    ingest(target, Files(paths, retry_failed=retry_failed), files=files, verbose=verbose, as_json=as_json)


def sync(
    context: typer.Context,
    collection: CollectionName,
    paths: Paths,
    *,
    model: Model = None,
    dim: Dim = None,
    target_recall: TargetRecall = None,
    chunking: ChunkingMethod = None,
    chunk_tokens: ChunkTokens = None,
    overlap: Overlap = None,
    precision: Precision = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove documents whose file is gone, or that are gone from their file.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and how long it takes.")] = False,
    retry_failed: RetryFailed = False,
    files: AllFiles = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Bring a collection up to date with files and folders.

    As add; and it tells which documents have no file any more, or removes them.
    """
    cut = _said(method=chunking, tokens=chunk_tokens, overlap=overlap)
    target = Target(Shelf.of(context), collection, model, dim, target_recall, precision=precision, chunking=cut)
    source = Files(paths, remove=remove, retry_failed=retry_failed)
    if dry_run:
        tell_plan(target, source, files=files, as_json=as_json)
    else:
        ingest(target, source, files=files, verbose=verbose, as_json=as_json)


def build(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="The recipe.")],
    *,
    files: AllFiles = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Make a collection from a recipe, or bring it up to date.

    Building again embeds only what is new or has changed.
    """
    from semsearch.ingest.sources import load_recipe

    plan = load_recipe(recipe)
    cut = plan.chunking.model_dump(exclude_unset=True)
    target = Target(Shelf.of(context), plan.name, model=plan.model, precision=plan.precision, chunking=cut)
    ingest(target, RecipeSources(plan, recipe.parent), files=files, verbose=verbose, as_json=as_json)


def _said(**options: object) -> dict[str, Any]:
    """Those that were."""
    return {name: value for name, value in options.items() if value is not None}
