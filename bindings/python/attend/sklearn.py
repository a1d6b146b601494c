"""Embeddings as a step of scikit-learn, which is installed by ``libattend[sklearn]``."""

from __future__ import annotations

from typing import Any, Iterable

import numpy as np

from ._arrays import Float32Array
from .model import Model

try:
    from sklearn.base import BaseEstimator, TransformerMixin
except ImportError as problem:
    raise ImportError("attend.sklearn needs scikit-learn: pip install 'libattend[sklearn]'") from problem


class TextEmbedder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Texts to their embeddings: ``make_pipeline(TextEmbedder("all-MiniLM-L6-v2"), LogisticRegression())``.

    ``model``: a folder, which is loaded when it is first needed and again where the estimator is unpickled, or a
    ``Model``. ``prompt``, ``prompt_name``, ``truncate_dim``: as of ``Model.embed``. ``compute``, ``threads``: as of
    ``Model``, for a folder.
    """

    def __init__(
        self,
        model: Any,
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        truncate_dim: int | None = None,
        compute: str = "float32",
        threads: int = 0,
    ) -> None:
        # By the rules of scikit-learn arguments are kept as they are, and looked at later.
        self.model = model
        self.prompt = prompt
        self.prompt_name = prompt_name
        self.truncate_dim = truncate_dim
        self.compute = compute
        self.threads = threads

    def fit(self, texts: Any = None, y: Any = None) -> TextEmbedder:
        """Loads the model; nothing is learned."""
        self._loaded()
        return self

    def transform(self, texts: Iterable[str | bytes]) -> Float32Array:
        """A vector for each text, ``[texts, width]``."""
        given = [str(text) if isinstance(text, np.str_) else text for text in texts]
        if not given:
            return np.empty((0, self._width()), np.float32)
        return self._loaded().embed(
            given, prompt=self.prompt, prompt_name=self.prompt_name, truncate_dim=self.truncate_dim
        )

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """``textembedder0``, ``textembedder1``, ..."""
        return np.array([f"textembedder{number}" for number in range(self._width())], object)

    def _width(self) -> int:
        width = self._loaded().embedding_size
        return width if self.truncate_dim is None else min(width, self.truncate_dim)

    def _loaded(self) -> Model:
        if isinstance(self.model, Model):
            return self.model
        known: Model | None = getattr(self, "_model", None)
        if known is None:
            known = self._model = Model(self.model, compute=self.compute, threads=self.threads)
        return known

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_model", None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _more_tags(self) -> dict[str, Any]:
        return {"X_types": ["string"], "stateless": True}


__all__ = ["TextEmbedder"]
