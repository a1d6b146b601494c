"""PyTorch with the models of Hugging Face transformers: eager, scaled-dot-product attention, key-value caches, no
gradients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import numpy.typing as npt
from workloads import Workload

from contenders.base import Floats, TextRunner, Unavailable, log_probability

#: The class of each family: with the head that the work needs.
CLASSES = {"marian": "MarianMTModel", "bert": "BertModel", "gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM"}


class PyTorchRunner(TextRunner):
    """A greedy loop of its own, which is faster than ``generate``. In float32 also the reference that outputs are
    compared with.
    """

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        try:
            import torch
            import transformers
        except ImportError as problem:
            raise Unavailable(str(problem)) from None
        torch.set_num_threads(threads)
        self.mode = torch.inference_mode()
        self.mode.__enter__()  # for the life of this process
        transformers.utils.logging.set_verbosity_error()
        kind = getattr(transformers, CLASSES[self.config["model_type"]])
        self.model = kind.from_pretrained(folder, dtype=getattr(torch, compute)).eval()
        self.torch = torch
        self.transformers = transformers
        self.input = torch.from_numpy(self.ids.astype(np.int64))
        self.version = f"torch {torch.__version__}, transformers {transformers.__version__}"

    def run(self) -> float:
        start = self.clock()
        task = self.workload.task
        if task == "translate" and self.workload.beams > 1:
            self._search()
        elif task == "translate":
            self._translate()
        elif task == "embed":
            _ = self.model(input_ids=self.input).last_hidden_state
        elif task == "prompt":
            self._read()
        else:
            logits, cache = self._read()
            start = self.clock()
            self._continue(logits, cache)
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        task = self.workload.task
        if task == "translate" and self.workload.beams > 1:
            found = self._search()
            return {"ids": found.sequences[:, 1:].numpy(), "score": found.sequences_scores.double().numpy()}
        if task == "translate":
            score = np.zeros(self.workload.batch)

            def add(logits: Any, picked: Any) -> None:
                nonlocal score
                score += log_probability(logits.float().numpy(), picked.numpy())

            return {"ids": self._translate(add), "score": score}
        if task == "embed":
            return {"states": self.model(input_ids=self.input).last_hidden_state.float().numpy()}
        logits, cache = self._read()
        return {"logits": logits.float().numpy()} if task == "prompt" else self._continue(logits, cache)

    def _translate(self, hear: Callable[[Any, Any], None] | None = None) -> npt.NDArray[np.int64]:
        """Greedy, a fixed number of tokens; ``hear`` is told the allowed logits and the choice of each step."""
        allowed = self.allowed
        source = self.model.get_encoder()(input_ids=self.input)
        empty = self.transformers.DynamicCache
        cache = self.transformers.EncoderDecoderCache(empty(), empty())
        tokens = self.torch.full((self.workload.batch, 1), self.config["decoder_start_token_id"])
        written = []
        for _ in range(self.workload.new_tokens):
            result = self.model(encoder_outputs=source, decoder_input_ids=tokens, past_key_values=cache, use_cache=True)
            logits = result.logits[:, -1, allowed]
            picked = logits.argmax(dim=-1)
            if hear:
                hear(logits, picked)
            tokens = picked[:, None] + allowed.start
            written.append(tokens)
        return self.torch.cat(written, dim=1).numpy()

    def _search(self) -> Any:
        """Beam search by ``generate``, a fixed number of tokens."""
        length = self.workload.new_tokens
        return self.model.generate(
            self.input, num_beams=self.workload.beams, do_sample=False, min_new_tokens=length, max_new_tokens=length,
            length_penalty=0.0, forced_eos_token_id=None, bad_words_ids=None,
            suppress_tokens=[self.config["pad_token_id"]], output_scores=True, return_dict_in_generate=True,
        )  # fmt: skip

    def _read(self) -> tuple[Any, Any]:
        """Reads the prompt: the logits that follow it, and the cache."""
        result = self.model(input_ids=self.input, use_cache=True, logits_to_keep=1)
        return result.logits[:, -1], result.past_key_values

    def _continue(self, logits: Any, cache: Any) -> dict[str, npt.NDArray[Any]]:
        """Greedy steps after the prompt: the ids, and the logits that follow the last."""
        written = []
        for _ in range(self.workload.new_tokens):
            tokens = logits.argmax(dim=-1)[:, None]
            written.append(tokens)
            logits = self.model(input_ids=tokens, past_key_values=cache, use_cache=True).logits[:, -1]
        ids: Floats = self.torch.cat(written, dim=1).numpy()
        return {"ids": ids, "logits": logits.float().numpy()}


RUNNER = PyTorchRunner
