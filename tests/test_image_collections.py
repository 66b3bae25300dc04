"""Collections of images through the Collection: what goes in, what finds it, and what is drawn of it."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder, FakeImageEmbedder
from images.image_files import encoded, scene
from PIL import Image
from sqlalchemy import update

from semsearch import Collection, Document
from semsearch.errors import (
    CorruptStoreError,
    DocumentNotFoundError,
    EmbedderMismatchError,
    InvalidDocumentError,
    InvalidExpressionError,
    InvalidRequestError,
)
from semsearch.ingest.contents import images as image_contents
from semsearch.store.schema import latents
from semsearch.types import Chunking, Failure, Limits

SIZE = 32


def plain(red: int, green: int, blue: int) -> np.ndarray:
    """One colour all over: (3, 32, 32)."""
    return np.broadcast_to(np.array([red, green, blue], np.uint8)[:, None, None], (3, SIZE, SIZE)).copy()


RED, GREEN, BLUE, ORANGE = plain(250, 10, 10), plain(10, 250, 10), plain(10, 10, 250), plain(250, 120, 10)


def png(pixels: np.ndarray) -> bytes:
    return encoded(pixels.transpose(1, 2, 0))


@pytest.fixture
def model() -> FakeImageEmbedder:
    return FakeImageEmbedder(SIZE)


@pytest.fixture
def empty(tmp_path: Path, model: FakeImageEmbedder) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c", images=model) as collection:
        yield collection


@pytest.fixture
def colours(empty: Collection) -> Collection:
    report = empty.add(
        [
            Document("red", "a red wall", {"warm": True}, image=RED),
            Document("green", "a meadow", {"warm": False}, image=png(GREEN)),
            Document("blue", image=BLUE),
            Document("orange", "a wall at noon", {"warm": True}, image=ORANGE),
        ]
    )
    assert (report.added, report.failed, report.chunks) == (4, (), 4)
    return empty


@pytest.fixture
def texts(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "texts", model=FakeEmbedder()) as collection:
        yield collection


def found(collection: Collection, *arguments: object, **options: object) -> list[str]:
    return [hit.document_id for hit in collection.search(*arguments, **options).hits]


def reasons(collection: Collection, *documents: object) -> list[str]:
    return [failure.reason for failure in collection.add(documents).failed]


# --- making and opening


def test_a_collection_of_images_tells_that_it_is_one(colours: Collection, texts: Collection) -> None:
    info = colours.info()
    assert (info.model, info.image_size, info.dim, info.device) == ("fake-vae", SIZE, 48, "cpu")
    assert (colours.image_size, texts.image_size, texts.info().image_size) == (SIZE, None, None)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"model": "m"}, "either a model of texts, or a model of images"),
        ({"dim": 3}, "either a model of texts, or a model of images"),
        ({"image_size": 64}, "has its own size and precision"),
        ({"precision": "float32"}, "has its own size and precision"),
        ({"images": ""}, "the name of the model of images is empty"),
        ({"images": None, "image_size": 64}, "image_size is 64, and no model of images is said"),
        ({"images": "semsearch-vae", "image_size": 100}, "multiple of 8 from 64 to 2,048"),
        ({"images": "semsearch-vae", "image_size": 4_096}, "multiple of 8 from 64 to 2,048"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_and_makes_nothing(
    tmp_path: Path, options: dict[str, object], problem: str
) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        Collection.create(tmp_path / "c", **{"images": FakeImageEmbedder(SIZE), **options})
    assert not (tmp_path / "c").exists()


def test_images_are_not_cut(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="images are not cut"):
        Collection.create(tmp_path / "c", images=FakeImageEmbedder(SIZE), chunking=Chunking())


def test_what_was_stored_is_found_when_it_is_opened_again(colours: Collection, tmp_path: Path) -> None:
    colours.close()
    with Collection.open(tmp_path / "c", model=FakeImageEmbedder(SIZE)) as opened:
        assert found(opened, image=RED, k=2) == ["red", "orange"]


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (FakeImageEmbedder(64), "fake-vae at 64 x 64 has fake-images-"),
        (FakeImageEmbedder(SIZE, fingerprint="another"), "vectors of different models cannot be compared"),
        (FakeEmbedder(), "is a collection of images, and fake is no model of these"),
    ],
    ids=["size", "fingerprint", "texts"],
)
def test_another_model_is_refused(colours: Collection, tmp_path: Path, other: object, problem: str) -> None:
    with pytest.raises(EmbedderMismatchError, match=problem):
        Collection.open(tmp_path / "c", model=other)


def test_a_model_of_images_is_none_of_texts(texts: Collection, tmp_path: Path) -> None:
    with pytest.raises(EmbedderMismatchError, match="is a collection of texts, and fake-vae is no model of these"):
        Collection.open(tmp_path / "texts", model=FakeImageEmbedder(SIZE))


# --- what goes in


def test_a_file_its_bytes_and_its_pixels_are_the_same_image(
    empty: Collection, model: FakeImageEmbedder, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(encoded(scene()))
    pixels = scene().transpose(2, 0, 1)
    images = {"path": tmp_path / "a.png", "bytes": encoded(scene()), "pixels": pixels}
    report = empty.add(Document(name, image=image) for name, image in images.items())
    assert (report.added, report.chunks, report.reused, model.images) == (3, 1, 2, 1)
    assert all(hit.score > 0.9998 for hit in empty.search(image=tmp_path / "a.png").hits)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (Document("a", "only words"), "has no image, and this is a collection of images"),
        (Document("a", image=RED, vector=[1.0] * 48), "brings a vector"),
        (Document("a", image="a.png"), "its image is str; it has to be a Path, bytes, or pixels"),
        (Document("a", image=RED.astype(np.float32)), "its image is float32 of the shape (3, 32, 32)"),
        (Document("a", image=RED[0]), "its image is uint8 of the shape (32, 32)"),
        (Document("a", image=RED[:, :0]), "pixels have to be uint8"),
        (Document("a", image=b"no image"), "cannot be read as an image"),
        (Document("a", image=png(RED)[:-30]), "cannot be read as an image"),
        (Document("a", image=Path("nowhere.png")), "nowhere.png cannot be read as an image"),
        (Document("a", image=plain(0, 0, 0)), "the model gave no usable vector for it"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_no_image_is_refused_by_itself(empty: Collection, document: Document, problem: str) -> None:
    report = empty.add([Document("before", image=RED), document, Document("after", image=BLUE)])
    assert report.added == 2
    [failure] = report.failed
    assert failure.document_id == "a"
    assert problem in failure.reason


def test_an_image_that_the_model_refuses_fails_by_itself(
    empty: Collection, model: FakeImageEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = model.embed_images

    def refuse_green(squares: np.ndarray) -> object:
        if any(np.array_equal(square, GREEN) for square in squares):
            raise InvalidRequestError("green is refused")
        return embed(squares)

    monkeypatch.setattr(model, "embed_images", refuse_green)
    report = empty.add(Document(name, image=image) for name, image in (("r", RED), ("g", GREEN), ("b", BLUE)))
    assert report.added == 2
    assert [(each.document_id, "green is refused" in each.reason) for each in report.failed] == [("g", True)]


def test_an_image_is_refused_where_texts_are(texts: Collection, tmp_path: Path) -> None:
    own = Collection.create(tmp_path / "own", dim=2)
    for collection, extra in ((texts, {}), (own, {"vector": [1.0, 2.0]})):
        [reason] = reasons(collection, Document("a", "text", image=RED, **extra))
        assert "this is no collection of images" in reason
    own.close()


def test_adding_twice_encodes_once(colours: Collection, model: FakeImageEmbedder) -> None:
    before = model.images
    report = colours.add([Document("red", "a red wall", {"warm": True}, image=png(RED))])
    assert (report.skipped, report.chunks, model.images) == (1, 0, before)


def test_new_metadata_and_new_words_encode_nothing(colours: Collection, model: FakeImageEmbedder) -> None:
    before = model.images
    report = colours.add(
        [
            Document("red", "a red wall", {"warm": "very"}, image=RED),
            Document("green", "a lawn", {"warm": False}, image=GREEN),
        ]
    )
    assert (report.updated, report.chunks, report.reused, model.images) == (2, 0, 1, before)
    assert colours.get("red").metadata == {"warm": "very"}
    assert found(colours, "lawn") == ["green"]
    assert np.allclose(colours.draw(["green"])[0, :, 0, 0], GREEN[:, 0, 0] / 255, atol=0.01)


def test_another_image_under_the_same_id_takes_its_place(colours: Collection) -> None:
    assert colours.add([Document("red", "now blue", image=BLUE)]).updated == 1
    assert found(colours, image=BLUE, k=2) == ["blue", "red"]
    assert np.array_equal(colours.latents(["red"]), colours.latents(["blue"]))


def test_a_batch_of_many_images_is_embedded_in_pieces(
    empty: Collection, model: FakeImageEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_contents, "_BATCH_PIXELS", 10 * SIZE**2)
    monkeypatch.setattr(image_contents, "_PIECE_PIXELS", 4 * SIZE**2)
    seen = []
    documents = [Document(str(number), image=plain(number + 1, 50, 200 - number)) for number in range(25)]
    report = empty.add(documents, progress=lambda done: seen.append(done.documents))
    assert (report.added, seen, model.calls) == (25, [10, 20, 25], 3 + 3 + 2)


def test_large_collections_are_searched_by_an_index(
    tmp_path: Path, model: FakeImageEmbedder, small_is_large: None
) -> None:
    rng = np.random.default_rng(7)
    cells = rng.integers(1, 255, (600, 3, 4, 4), dtype=np.uint8)
    images = cells.repeat(8, axis=2).repeat(8, axis=3)
    with Collection.create(tmp_path / "many", images=model) as collection:
        collection.add(Document(str(number), image=image) for number, image in enumerate(images))
        assert collection.info().index is not None
        assert all(found(collection, image=images[number], k=1) == [str(number)] for number in range(0, 600, 50))
        assert np.allclose(collection.latents(["599"])[0], cells[599] / 255, atol=0.01)


# --- what finds it


@pytest.mark.parametrize(
    "query",
    [
        {"image": RED},
        {"image": png(RED)},
        {"latent": RED[:, :4, :4] / 255},
        {"expression": [{"image": RED}]},
        {"expression": [{"image": base64.b64encode(png(RED)).decode()}]},
        {"expression": [{"latent": RED[:, :4, :4] / 255}]},
        {"expression": "2*chunk:1 - chunk:1 + 0.01*chunk:1"},
    ],
    ids=lambda query: next(iter(query)),
)
def test_an_image_is_found_by_each_kind_of_query(colours: Collection, query: dict[str, object]) -> None:
    hits = found(colours, **query, k=4)
    names_itself = "chunk" in str(query)
    assert hits == (["orange", "green", "blue"] if names_itself else ["red", "orange", "green", "blue"])


def test_the_score_is_the_cosine(colours: Collection) -> None:
    orange, red = (image[:, 0, 0] / np.linalg.norm(image[:, 0, 0].astype(float)) for image in (ORANGE, RED))
    scores = {hit.document_id: hit.score for hit in colours.search(image=RED).hits}
    assert scores["red"] == 1.0
    assert scores["orange"] == pytest.approx(float(orange @ red), abs=1e-3)


def test_images_are_added_up_with_documents_and_subtracted(colours: Collection, tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(png(GREEN))
    expression = f'image:"{tmp_path / "a b.png"}" + doc:red'
    assert found(colours, expression=expression) == ["orange", "green", "blue"]
    assert found(colours, expression=f"{expression} - 0.9*doc:red", k=1) == ["green"]
    assert found(colours, expression=[{"image": tmp_path / "a b.png", "weight": -1}, {"doc": "red"}], k=1) == ["orange"]


def test_an_image_is_moved_by_what_was_right(colours: Collection) -> None:
    assert found(colours, image=RED, relevant=["green"], irrelevant=["orange"], k=2) == ["red", "blue"]


def test_captions_are_searched_by_words_and_beside_an_image(colours: Collection) -> None:
    assert colours.search("wall").mode == "keyword"
    assert sorted(found(colours, "wall")) == ["orange", "red"]
    both = colours.search("wall", image=RED, explain=True)
    assert both.mode == "hybrid"
    assert [hit.document_id for hit in both.hits][:2] == ["red", "orange"]
    assert both.hits[0].explanation.keyword is not None


def test_a_chunk_of_an_image_is_its_caption(colours: Collection) -> None:
    hits = {hit.document_id: hit for hit in colours.search(image=RED).hits}
    assert (hits["red"].start, hits["red"].end, hits["red"].text) == (0, 10, "a red wall")
    assert (hits["blue"].start, hits["blue"].end, hits["blue"].text) == (0, 0, "")


def test_filters_and_the_shape_of_hits_are_as_ever(colours: Collection) -> None:
    assert found(colours, image=BLUE, filter={"warm": True}) == ["orange", "red"]
    assert found(colours, image=RED, min_score=0.9) == ["red", "orange"]
    assert found(colours, image=RED, collapse=0.9, k=3) == ["red", "green", "blue"]
    assert found(colours, image=RED, diversity=0.9, k=2) != ["red", "orange"]


def test_pages_follow_one_another(colours: Collection) -> None:
    first = colours.search(image=RED, k=2)
    assert found(colours, image=RED, k=2, cursor=first.cursor) == ["green", "blue"]
    with pytest.raises(InvalidRequestError, match="the cursor is of another search"):
        colours.search(image=ORANGE, k=2, cursor=first.cursor)


@pytest.mark.parametrize(
    ("query", "error", "problem"),
    [
        ({"query": "a wall", "mode": "semantic"}, InvalidRequestError, "knows nothing of words: search with an image"),
        ({"query": "a wall", "mode": "hybrid"}, InvalidRequestError, "knows nothing of words"),
        ({"expression": "wall"}, InvalidRequestError, "knows nothing of words"),
        ({"query": "a wall", "relevant": ["red"]}, InvalidRequestError, "knows nothing of words"),
        ({"image": RED, "mode": "keyword"}, InvalidRequestError, "goes by words"),
        ({"image": RED, "latent": RED}, InvalidRequestError, "are each a query"),
        ({"image": RED, "vector": [1.0] * 48}, InvalidRequestError, "are each a query"),
        ({"image": RED, "expression": "doc:red"}, InvalidRequestError, "write them into the expression"),
        ({"image": b"no image"}, InvalidDocumentError, "an image of 8 bytes cannot be read as an image"),
        ({"image": Path("nowhere.png")}, InvalidDocumentError, "nowhere.png cannot be read"),
        ({"image": 3}, InvalidExpressionError, "expected an image"),
        ({"image": RED / 255}, InvalidExpressionError, "expected an image"),
        ({"latent": "x"}, InvalidExpressionError, "expected the numbers of a latent"),
        ({"latent": [[1.0]]}, InvalidExpressionError, "expected the numbers of a latent"),
        ({"latent": np.ones((3, 5, 4))}, InvalidRequestError, r"shape \(1, 3, 5, 4\)"),
        (
            {"expression": [{"image": "not base64!"}]},
            InvalidExpressionError,
            r"wrong at \[0\].image: expected an image",
        ),
        ({"expression": "image:"}, InvalidExpressionError, "expected the path of an image file"),
        ({"expression": "image:nowhere.png"}, InvalidDocumentError, "nowhere.png cannot be read"),
    ],
    ids=str,
)
def test_a_query_that_cannot_be_is_refused(
    colours: Collection, query: dict[str, object], error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        colours.search(**query)


def test_files_are_not_read_for_a_stranger(colours: Collection, tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png(RED))
    for expression in (f"image:{path}", [{"image": path}], f'doc:red - image:"{tmp_path / "nowhere.png"}"'):
        with pytest.raises(InvalidExpressionError, match="files are not read for whom this comes from"):
            colours.search(expression=expression, read_files=False)
    assert found(colours, expression=[{"image": png(RED)}], read_files=False, k=1) == ["red"]


def test_images_find_nothing_where_texts_are(texts: Collection, tmp_path: Path) -> None:
    texts.add([Document("a", "text")])
    own = Collection.create(tmp_path / "own", dim=2)
    for collection in (texts, own):
        for query in ({"image": RED}, {"latent": RED}, {"expression": [{"image": RED}]}):
            with pytest.raises(InvalidRequestError, match="this is no collection of images"):
                collection.search(**query)
    own.close()


@pytest.mark.parametrize(
    "call", [lambda c: c.context("wall"), lambda c: c.tune(["wall"] * 10)], ids=["context", "tune"]
)
def test_what_needs_a_model_of_texts_says_so(colours: Collection, call: object) -> None:
    with pytest.raises(InvalidRequestError, match="no model to count tokens|knows nothing of words"):
        call(colours)


# --- what is drawn


def test_images_are_drawn_from_the_index_alone(empty: Collection, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(ORANGE))
    empty.add([Document("a", image=path), Document("b", image=BLUE)])
    path.unlink()
    assert empty.latents(["b", "a", "b"]).shape == (3, 3, 4, 4)
    drawn = empty.draw(["b", "a"])
    assert drawn.shape == (2, 3, SIZE, SIZE)
    assert np.allclose(drawn[1], ORANGE / 255, atol=0.01)


def test_what_cannot_be_drawn_is_said(colours: Collection, texts: Collection) -> None:
    with pytest.raises(DocumentNotFoundError, match="nobody"):
        colours.latents(["red", "nobody"])
    with pytest.raises(InvalidRequestError, match="there are no ids"):
        colours.draw([])
    with pytest.raises(InvalidRequestError, match="is no collection of images"):
        texts.latents(["red"])
    colours.remove(ids=["red"])
    with pytest.raises(DocumentNotFoundError):
        colours.draw(["red"])


def test_a_damaged_latent_is_told_as_damage_of_the_collection(colours: Collection) -> None:
    with colours._store.write() as writer:
        writer._connection.execute(update(latents).values(data=b"damaged"))
    with pytest.raises(CorruptStoreError, match="is damaged"):
        colours.draw(["red"])


# --- files


def write(path: Path, pixels: np.ndarray, form: str = "PNG", **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(pixels.transpose(1, 2, 0), form, **options))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(Path("photos/warm/red.png"), RED)
    write(Path("photos/warm/orange.JPG"), ORANGE, "JPEG", quality=95)
    write(Path("photos/blue.webp"), BLUE, "WEBP", lossless=True)
    Path("photos/notes.txt").write_text("not an image")
    return tmp_path / "photos"


def test_a_folder_of_images_becomes_documents(empty: Collection, folder: Path) -> None:
    report = empty.sync(["photos"])
    assert (report.added, report.failed) == (3, ())
    assert {file.path: str(file.outcome) for file in report.files}["photos/notes.txt"] == "unread"
    red = empty.get("photos/warm/red.png")
    assert (red.text, red.source) == ("", str(folder / "warm/red.png"))
    facts = {"format": "png", "mode": "RGB", "width": 32, "height": 32}
    assert red.metadata == {**facts, "path": "photos/warm/red.png", "folder": "warm"}
    assert found(empty, image=ORANGE, filter={"format": "jpeg"}) == ["photos/warm/orange.JPG"]
    assert found(empty, image=ORANGE, filter={"folder": "warm"}, k=1) == ["photos/warm/orange.JPG"]


def test_what_has_not_changed_is_not_read_and_what_moved_is_not_encoded(
    empty: Collection, folder: Path, model: FakeImageEmbedder
) -> None:
    empty.sync(["photos"])
    assert empty.sync(["photos"]).skipped == 3
    (folder / "blue.webp").rename(folder / "azure.webp")
    write(folder / "warm/red.png", GREEN)
    report = empty.sync(["photos"], remove=True)
    assert (report.added, report.updated, report.removed, report.reused) == (1, 1, 1, 1)
    assert model.images == 3 + 1
    assert found(empty, image=GREEN, k=1) == ["photos/warm/red.png"]
    assert np.allclose(empty.draw(["photos/azure.webp"])[0], BLUE / 255, atol=0.01)


def test_the_same_squares_come_from_files_and_from_python(
    empty: Collection, folder: Path, model: FakeImageEmbedder
) -> None:
    pixels = scene(70, 50).transpose(2, 0, 1)
    write(folder / "wide.png", pixels)
    empty.sync(["photos/wide.png"])
    assert empty.add([Document("mine", image=folder / "wide.png")]).reused == 1
    assert model.images == 1
    assert empty.search(image=folder / "wide.png", k=1).hits[0].score > 0.9998


def bomb() -> bytes:
    """A PNG of a few kilobytes that claims to be, and is, 49 million pixels."""
    return encoded(np.zeros((7_000, 7_000), np.uint8))


def test_broken_files_and_bombs_are_refused_with_a_reason_and_the_rest_is_indexed(
    empty: Collection, folder: Path
) -> None:
    Image.fromarray(scene()).save(folder / "frames.gif", save_all=True, append_images=[Image.fromarray(scene()[::-1])])
    bad = {
        "bomb.png": (bomb(), "49,000,000 pixels"),
        "cut.png": (png(RED)[:-30], "cannot be read as an image"),
        "empty.jpg": (b"", "cannot be read as an image"),
        "text.bmp": (b"BM but no more than that", "cannot be read as an image"),
        "wide.tiff": (encoded(np.ones((8, 8), np.float32), "TIFF"), "32 bits a channel"),
        "other.gif": (b"P6 2 2 255 " + bytes(12), "cannot be read as an image"),
    }
    for name, (data, _) in bad.items():
        (folder / name).write_bytes(data)
    report = empty.sync(["photos"])
    assert report.added == 4
    told = {failure.document_id: failure for failure in report.failed}
    assert set(told) == {f"photos/{name}" for name in bad}
    for name, (_, reason) in bad.items():
        assert reason in told[f"photos/{name}"].reason
        assert told[f"photos/{name}"].where == str(folder / name)
        assert not told[f"photos/{name}"].reason.startswith(str(folder))
    assert {failure.document_id for failure in empty.info().quarantined} == set(told)
    again = empty.sync(["photos"])
    assert (again.skipped, len(again.failed)) == (4, len(bad))


def test_a_bomb_that_is_given_in_python_is_refused_as_well(empty: Collection) -> None:
    [reason] = reasons(empty, Document("bomb", image=bomb()))
    assert "49,000,000 pixels; from 1 to 40,000,000 are read" in reason


def test_a_limit_of_pixels_holds_for_files(empty: Collection, folder: Path) -> None:
    report = empty.sync(["photos"], limits=replace(Limits(), image_pixels=1_000))
    assert [failure.reason[:50] for failure in report.failed] == [
        "says that it has 32 x 32 = 1,024 pixels; from 1 to"
    ] * 3


def test_what_a_sync_would_do_is_foretold(empty: Collection, folder: Path) -> None:
    plan = empty.plan_sync(["photos"])
    assert (plan.added, plan.skipped) == (3, 0)
    assert plan.seconds > 0
    assert empty.count() == 0
    empty.sync(["photos"])
    assert (empty.plan_sync(["photos"]).skipped, empty.plan_sync(["photos"]).seconds) == (3, 0.0)


def test_standard_input_holds_no_images(empty: Collection) -> None:
    with pytest.raises(InvalidRequestError, match="takes files, and not what standard input holds"):
        empty.sync(["-"])


def test_failures_of_others_are_passed_on(empty: Collection) -> None:
    report = empty.add([Failure("where", "why"), Document("red", image=RED)])
    assert (report.added, report.failed) == (1, (Failure("where", "why"),))


# --- reports and maps


def test_near_duplicates_hang_together(colours: Collection) -> None:
    colours.add([Document("red again", image=plain(248, 12, 9)), Document("red", "a red wall", image=RED)])
    colours.add([Document("exactly blue", image=BLUE)])
    report = colours.report(similarity=0.99)
    assert report.same_text_groups == (("blue", "exactly blue"),)
    assert {frozenset(group.documents) for group in report.near_duplicate_groups} == {
        frozenset({"red", "red again"}),
        frozenset({"blue", "exactly blue"}),
    }


def test_what_is_nearly_the_same_is_less_for_images_than_for_texts(colours: Collection) -> None:
    reports = [colours.report(similarity=similarity) for similarity in (None, 0.9, 0.95)]
    assert [report.near_duplicates for report in reports] == [1, 1, 0]
    assert set(reports[0].near_duplicate_groups[0].documents) == {"red", "orange"}


def test_images_are_mapped_by_attributes(colours: Collection) -> None:
    found_map = colours.map(label="warm", x=({"warm": False}, {"warm": True}))
    assert dict(zip(found_map.document_ids, found_map.labels, strict=True))["red"] == "true"
    with pytest.raises(InvalidRequestError, match="let the axis end at filters"):
        colours.map(x=("cold", "warm"))
