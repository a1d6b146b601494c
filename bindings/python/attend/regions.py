"""Places in pictures as Florence-2 writes them (Xiao et al. 2023, arXiv:2311.06242, section 3.2): tokens ``<loc_n>`` of
a grid of 1000 x 1000, and what they enclose. ``Model.locate`` answers with them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InvalidArgumentError, InvalidFileError, UnsupportedError
from .inputs import Picture

if TYPE_CHECKING:
    from .session import Session

#: The answer of each task: text alone; boxes; boxes of phrases of a caption; corners of texts; polygons; either of two.
KINDS = {
    "<CAPTION>": "text",
    "<DETAILED_CAPTION>": "text",
    "<MORE_DETAILED_CAPTION>": "text",
    "<OCR>": "text",
    "<REGION_TO_CATEGORY>": "text",
    "<REGION_TO_DESCRIPTION>": "text",
    "<REGION_TO_OCR>": "text",
    "<OD>": "boxes",
    "<DENSE_REGION_CAPTION>": "boxes",
    "<REGION_PROPOSAL>": "bare boxes",
    "<CAPTION_TO_PHRASE_GROUNDING>": "phrases",
    "<OCR_WITH_REGION>": "quads",
    "<REFERRING_EXPRESSION_SEGMENTATION>": "polygons",
    "<REGION_TO_SEGMENTATION>": "polygons",
    "<OPEN_VOCABULARY_DETECTION>": "boxes or polygons",
}
#: Places along a side of a picture.
BINS = 1000

_PLACE = r"<loc_(\d+)>"
_PLACES = r"(?:<loc_\d+>)"
_BOX = re.compile(_PLACE * 4)
_LABELLED_BOXES = re.compile(rf"([^<]+){_PLACES}{{4,}}")
_BARE_BOXES = re.compile(rf"{_PLACES}{{4,}}")
_QUAD = re.compile(r"(.+?)" + _PLACE * 8)
_OUTLINES = r"(?:<loc_\d+>|<sep>|<poly>|</poly>){4,}"
_LABELLED_OUTLINES = re.compile(rf"[^<]+{_OUTLINES}")
_BARE_OUTLINES = re.compile(_OUTLINES)
#: What stands before the first place of an outline.
_OUTLINE_LABEL = re.compile(r"\s*(.*?)(?=<loc_|<poly>)")
_POLYGON = re.compile(rf"({_PLACES}+)(?:<sep>|$)")


@dataclass(frozen=True)
class Region:
    """A part of a picture and what is there. Numbers are pixels, x before y; one of the three says where it is."""

    label: str
    box: tuple[int, ...] | None = None  #: left, top, right, bottom
    quad: tuple[int, ...] | None = None  #: four corners of a text
    polygons: tuple[tuple[int, ...], ...] | None = None  #: corners of each


@dataclass(frozen=True)
class Located:
    """An answer about a picture."""

    text: str  #: as it was written, its places as tokens
    regions: tuple[Region, ...] = ()  #: empty where the task is answered by text alone

    def __iter__(self) -> Iterator[Region]:
        return iter(self.regions)

    def __len__(self) -> int:
        return len(self.regions)

    def __str__(self) -> str:
        return self.text


def parse(task: str, text: str, size: tuple[int, int], *, banned: Iterable[str] = (), least_area: float = 0) -> Located:
    """What the answer to a task says, places and tokens of control in it, of a picture of ``size``, width and height.

    As transformers' ``Florence2Processor.post_process_generation``: ``banned`` are phrases that are no regions, and
    ``least_area`` the share of the picture that a text takes at least. InvalidArgumentError for a task that is not one
    of ``KINDS``.
    """
    kind = KINDS.get(task)
    if kind is None:
        raise InvalidArgumentError(f"task: {task!r} is none of {', '.join(KINDS)}")
    if kind == "text":
        return Located(_without(text, "<s>", "</s>").strip())
    bare = _without(text, "<s>", "</s>", "<pad>")
    if kind == "quads":
        regions = _quads(bare, size, least_area)
    elif kind == "polygons" or kind == "boxes or polygons" and "<poly>" in bare:
        regions = _outlines(bare, size, kind == "polygons")
    else:
        refused = set(banned) if kind == "phrases" else set()
        regions = _boxes(bare, size, kind == "bare boxes", refused)
    return Located(bare.strip(), tuple(regions))


def spell(places: Iterable[float], size: tuple[int, int]) -> str:
    """The tokens of a box or of other places in pixels, x before y, as questions about a region have them."""
    numbers = np.asarray([*places], np.float32).reshape(-1, 2)
    bins = np.floor(numbers / _steps(size)).clip(0, BINS - 1).astype(int)
    return "".join(f"<loc_{number}>" for number in bins.ravel())


def _without(text: str, *tokens: str) -> str:
    for token in tokens:
        text = text.replace(token, "")
    return text


def _steps(size: tuple[int, int]) -> Any:
    width, height = size
    if width < 1 or height < 1:
        raise InvalidArgumentError(f"size: {size} is no width and height of a picture")
    return np.asarray([width / BINS, height / BINS], np.float32)


def _pixels(places: Iterable[str], size: tuple[int, int]) -> tuple[int, ...]:
    """The middles of places, x before y; of an odd number the last one is left out. Rounded as the reference does."""
    numbers = [min(float(place), 1e9) for place in places]
    middles = np.asarray(numbers[: len(numbers) // 2 * 2], np.float32).reshape(-1, 2) + np.float32(0.5)
    return tuple((middles * _steps(size)).astype(int).ravel().tolist())


def _ascii(label: str) -> str:
    return label.encode("ascii", "ignore").decode("ascii")


def _boxes(text: str, size: tuple[int, int], bare: bool, banned: set[str]) -> Iterator[Region]:
    for found in (_BARE_BOXES if bare else _LABELLED_BOXES).finditer(text):
        label = "" if bare else found.group(1).strip()
        if "\n" in label or label in banned:
            continue
        for box in _BOX.findall(found.group()):
            yield Region(_ascii(label), box=_pixels(box, size))


def _quads(text: str, size: tuple[int, int], least_area: float) -> Iterator[Region]:
    for label, *corners in _QUAD.findall(text):
        quad = _pixels(corners, size)
        x, y = quad[0::2], quad[1::2]
        # Three of the four edges, as in the reference.
        area = abs(sum(x[at] * y[at + 1] - x[at + 1] * y[at] for at in range(3))) / 2
        if least_area <= 0 or area >= size[0] * size[1] * least_area:
            yield Region(label.strip(), quad=quad)


def _outlines(text: str, size: tuple[int, int], bare: bool) -> Iterator[Region]:
    for found in (_BARE_OUTLINES if bare else _LABELLED_OUTLINES).finditer(text):
        part = found.group()
        label = _OUTLINE_LABEL.match(re.sub(rf"^{_PLACES}", "", part))
        if label is None:
            continue
        shapes = [part]
        if "<poly>" in part and "</poly>" in part:
            shapes = re.findall("<poly>(.*?)</poly>", part)
        for shape in shapes:
            polygons = tuple(_pixels(re.findall(_PLACE, corners), size) for corners in _POLYGON.findall(shape))
            if polygons:
                yield Region(label.group().strip(), polygons=polygons)


def locate(
    session: Session, picture: Any, task: str, text: str, size: tuple[int, int] | None, options: Mapping[str, Any]
) -> Located:
    """``Model.locate``"""
    if task not in KINDS:
        raise InvalidArgumentError(f"task: {task!r} is none of {', '.join(KINDS)}")
    given = picture if isinstance(picture, Picture) else Picture(picture)
    if size is None:
        size = given.size
        if size is None and KINDS[task] != "text":
            raise InvalidArgumentError("size: a file does not say it here; give width and height of the picture")
    answer = session.generate(task + text, images=[given], **options)
    with session._model.tokenizer as tokenizer:
        written = tokenizer.decode(answer.ids, skip_special_tokens=False)
    banned, least_area = _rules(session._model.path)
    return parse(task, written, size or (1, 1), banned=banned, least_area=least_area)


def _rules(folder: str) -> tuple[list[str], float]:
    """What processor_config.json of a checkpoint says of answers."""
    path = os.path.join(folder, "processor_config.json")
    if not os.path.exists(path):
        return [], 0
    try:
        with open(path, encoding="utf-8") as file:
            rules = json.load(file).get("post_processor_config") or {}
        phrases, texts = (rules.get(kind) or {} for kind in ("phrase_grounding", "ocr"))
        banned, least_area = phrases.get("banned_grounding_tokens") or [], float(texts.get("AREA_THRESHOLD") or 0)
    except (AttributeError, TypeError, ValueError) as problem:
        raise InvalidFileError(f"{path}: post_processor_config cannot be read: {problem}") from problem
    if texts.get("PATTERN") not in (None, _QUAD.pattern):
        raise UnsupportedError(f"{path}: post_processor_config.ocr.PATTERN is set, which is not implemented")
    return banned, least_area


__all__ = ["BINS", "KINDS", "Located", "Region", "parse", "spell"]
