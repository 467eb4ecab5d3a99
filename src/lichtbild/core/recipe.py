"""The recipe: which stages, in which versions, with which parameters. Serialisable, stable, the truth of an edit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from lichtbild.core.errors import RecipeError

FORMAT = 1


@dataclass(frozen=True)
class Recipe:
    """Parameters of every stage of one pipeline as plain data.

    Parameters
    ----------
    pipeline
        Name of the pipeline ("photo").
    stages
        {stage name: {"version": int, "params": {...}}} in order.
    extra
        Keys of the file that this engine does not know; kept when written again.
    """

    pipeline: str
    stages: dict[str, dict[str, Any]]
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        document = {"lichtbild": FORMAT, "pipeline": self.pipeline, "stages": self.stages, **self.extra}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise RecipeError(f"not a recipe: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("stages"), dict):
            raise RecipeError("not a recipe: no stages")
        if document.get("lichtbild", 0) > FORMAT:
            raise RecipeError("this recipe was written by a newer lichtbild", hint="pip install -U lichtbild")
        known = {"lichtbild", "pipeline", "stages"}
        extra = {key: value for key, value in document.items() if key not in known}
        return cls(str(document.get("pipeline", "photo")), document["stages"], extra)
