"""The command that tells what to check in a collection: report."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from semsearch.cli.output import counted, print_json, print_text
from semsearch.cli.parameters import AsJson, CollectionName
from semsearch.cli.progress import progress_bar
from semsearch.cli.shelf import Shelf

if TYPE_CHECKING:
    from semsearch.reports import CollectionReport

_TEXT_CHARACTERS = 60


def report(
    context: typer.Context,
    collection: CollectionName,
    *,
    similarity: Annotated[
        float | None,
        typer.Option(
            "--similarity", help="The cosine from which on two chunks are nearly the same: 0.95, of images 0.9."
        ),
    ] = None,
    most: Annotated[int, typer.Option("--most", help="Documents and groups that are listed of each kind.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Tell what to check in a collection: duplicates, texts that were cut off, empty pages, languages.

    In a collection of images it is duplicates.
    """
    with Shelf.of(context).open(collection) as opened:
        chunks, are_images = opened.info().chunks, opened.image_size is not None
        with progress_bar(chunks, "chunks", shown=sys.stderr.isatty()) as bar:
            found = opened.report(similarity=similarity, most=most, progress=lambda done: bar.update(done - bar.n))
    if as_json:
        print_json({"collection": collection, **asdict(found)})
    else:
        print_text("\n".join((_image_lines if are_images else _lines)(collection, found)))


def _image_lines(name: str, found: "CollectionReport") -> list[str]:
    lines = [f"{name}: {counted(found.documents, 'image')}"]
    lines += _part(f"{counted(found.same_text, 'group')} of the same image", [
        ", ".join(group) for group in found.same_text_groups
    ])  # fmt: skip
    lines += _part(f"{counted(found.near_duplicates, 'group')} of images that are nearly the same", [
        ", ".join(group.documents) for group in found.near_duplicate_groups
    ])  # fmt: skip
    return lines


def _lines(name: str, found: "CollectionReport") -> list[str]:
    languages = ", ".join(f"{language or 'not known'} {count}" for language, count in found.languages.items())
    lines = [
        f"{name}: {counted(found.documents, 'document')}, {counted(found.chunks, 'chunk')}",
        f"languages: {languages}",
    ]
    lines += _part(f"{counted(found.same_text, 'group')} of documents with the same text", [
        ", ".join(group) for group in found.same_text_groups
    ])  # fmt: skip
    lines += _part(f"{counted(found.near_duplicates, 'group')} of chunks that are nearly the same", [
        f"{', '.join(group.documents)}: {' '.join(group.text.split())[:_TEXT_CHARACTERS]}"
        for group in found.near_duplicate_groups
    ])  # fmt: skip
    lines += _part(f"{counted(found.truncated_chunks, 'chunk')} longer than the model reads", [
        f"{document}: {counted(count, 'chunk')}" for document, count in found.truncated
    ])  # fmt: skip
    lines += _part(f"{counted(found.empty_pages, 'page')} without text", [
        f"{document}: {', '.join(map(str, pages))}" for document, pages in found.documents_with_empty_pages
    ])  # fmt: skip
    lines += _part("longest documents", [f"{document}: {size:,} characters" for document, size in found.longest])
    return lines


def _part(title: str, items: list[str]) -> list[str]:
    return [title, *(f"  {item}" for item in items)]
