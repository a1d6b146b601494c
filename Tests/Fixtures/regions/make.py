"""Makes cases.json beside this file: answers of Florence-2, most of them drawn from its tokens, and what transformers'
processor makes of them. Needs transformers 5.24 and torch."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from transformers.models.florence2.processing_florence2 import Florence2PostProcessor, Florence2Processor

BANNED = ["it", "the image"]
WORDS = ["a cat", " car", "naïve café", "it", "the image", "\n", "two\nlines", " ", "Straße 5", "<", "<obj>", "<od>"]
CONTROL = ["<poly>", "</poly>", "<sep>", "<s>", "</s>", "<pad>"]


class NoTokenizer:
    """What the processor asks of a tokenizer where it is given texts."""

    all_special_tokens: tuple[str, ...] = ()
    image_token, image_token_id = "<image>", 0


def processor(least_area: float) -> Any:
    """Without a tokenizer and a processor of pictures, which have no say in texts."""
    made = Florence2Processor.__new__(Florence2Processor)
    kinds = ["pure_text", "description_with_bboxes", "description_with_polygons", "polygons", "bboxes"]
    rules: dict[str, Any] = {kind: {} for kind in [*kinds, "description_with_bboxes_or_polygons"]}
    rules["ocr"] = {"AREA_THRESHOLD": least_area}
    rules["phrase_grounding"] = {"banned_grounding_tokens": BANNED}
    made.post_processor = Florence2PostProcessor(rules, NoTokenizer())
    made.tasks_answer_post_processing_type = TYPES
    return made


TYPES = {
    "<OCR>": "pure_text",
    "<OCR_WITH_REGION>": "ocr",
    "<CAPTION>": "pure_text",
    "<DETAILED_CAPTION>": "pure_text",
    "<MORE_DETAILED_CAPTION>": "pure_text",
    "<OD>": "description_with_bboxes",
    "<DENSE_REGION_CAPTION>": "description_with_bboxes",
    "<CAPTION_TO_PHRASE_GROUNDING>": "phrase_grounding",
    "<REFERRING_EXPRESSION_SEGMENTATION>": "polygons",
    "<REGION_TO_SEGMENTATION>": "polygons",
    "<OPEN_VOCABULARY_DETECTION>": "description_with_bboxes_or_polygons",
    "<REGION_TO_CATEGORY>": "pure_text",
    "<REGION_TO_DESCRIPTION>": "pure_text",
    "<REGION_TO_OCR>": "pure_text",
    "<REGION_PROPOSAL>": "bboxes",
}


def text(task: str, generator: random.Random) -> str:
    """Half of them as the model writes them, half anything."""
    parts = ["</s><s>"]
    for _ in range(generator.randrange(4)):
        label = generator.choice(WORDS)
        count = {"ocr": 8, "pure_text": 0, "polygons": 2 * generator.randrange(1, 8)}.get(TYPES[task], 4)
        if generator.random() < 0.4:
            count = generator.randrange(14)
        places = [f"<loc_{generator.randrange(1000)}>" for _ in range(count)]
        if TYPES[task].endswith("polygons") and generator.random() < 0.8:
            for _ in range(generator.randrange(3)):
                places.insert(generator.randrange(len(places) + 1), generator.choice(CONTROL[:3]))
            if generator.random() < 0.5:
                places = ["<poly>", *places, "</poly>"]
        elif generator.random() < 0.2:
            places.insert(generator.randrange(len(places) + 1), generator.choice(CONTROL))
        parts += [label if generator.random() < 0.8 else "", *places]
    return "".join([*parts, "</s>"])


def main() -> None:
    generator = random.Random(4)
    cases = []
    for number in range(20 * len(TYPES)):
        task = list(TYPES)[number % len(TYPES)]
        size = (generator.randrange(1, 4000), generator.randrange(1, 4000))
        least_area = generator.choice([0.0, 0.0, 0.02])
        answer = text(task, generator)
        found = processor(least_area).post_process_generation(text=answer, task=task, image_size=size)[task]
        cases.append({"task": task, "text": answer, "size": size, "least_area": least_area, "found": found})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (Path(__file__).parent / "cases.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
