"""Models that are too large for one machine: their layers in stages, each in an actor of Ray."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ray
import ray.exceptions

from ._arrays import Float32Array, Path
from ._places import found
from .errors import InvalidArgumentError, InvalidStateError
from .model import Model
from .stages import StageStep


class _Stage:
    """Some layers of the model, and the sessions that calls have in them. An actor."""

    def __init__(self, path: str, layers: tuple[int, int], loading: Mapping[str, Any], keeping: Mapping[str, Any]):
        self._model = Model(path, layers=layers, **loading)
        self._keeping = dict(keeping)
        self._sessions: dict[str, Any] = {}

    def layers(self) -> tuple[int, int]:
        """Those that it holds; told when it has loaded them."""
        return self._model.first_layer, self._model.first_layer + self._model.decoder_layers

    def step(self, call: str, step: StageStep, states: Float32Array | None) -> Float32Array:
        """The hidden states of a step of a call, of those that the stage before made."""
        session = self._sessions.get(call)
        if session is None:
            if (step.positions > 0).any():
                raise InvalidStateError("this stage was started again, and what it had read is lost")
            session = self._sessions[call] = self._model.session(**self._keeping)
        return step.run(session, states).copy()

    def end(self, calls: Sequence[str]) -> None:
        """Forgets what calls have read."""
        for call in calls:
            self._sessions.pop(call, None)


class _LastStage(_Stage):
    """The last layers and the head, which asks the stages before it. An actor."""

    def generate(
        self, before: Sequence[Any], prompts: Sequence[Any], options: Mapping[str, Any], groups: int
    ) -> list[Any]:
        """Generates from prompts, in groups that take turns: while one is here, another is in an earlier stage."""
        calls = [uuid.uuid4().hex for _ in range(min(groups, len(prompts)))]

        def run(index: int) -> list[Any]:
            def stage(step: StageStep) -> Float32Array:
                states = None
                for actor in before:
                    states = actor.step.remote(calls[index], step, states)
                result: Float32Array = ray.get(states)
                return result

            with self._model.session(stage=stage, **self._keeping) as session:
                return list(session.generate(list(prompts[index :: len(calls)]), **options))

        try:
            with ThreadPoolExecutor(len(calls)) as threads:
                parts = list(threads.map(run, range(len(calls))))
        finally:
            for actor in before:
                actor.end.remote(calls)
        return [each for row in itertools.zip_longest(*parts) for each in row if each is not None]


def _sizes(path: str, loading: Mapping[str, Any]) -> tuple[int, int, int]:
    """How many layers a checkpoint has, and the weights that a token meets in one of them and in the head."""
    with Model(path, layers=(0, 1), **loading) as model:
        head = model.vocab_size * model.hidden_size
        return model.whole_layers, max(model.parameters - head, 1), head


def ranges(layers: int, stages: int, layer: int, head: int) -> list[tuple[int, int]]:
    """The layers of each stage, so that all take about as long: the last has the head, which is as dear as some."""
    if not 1 < stages <= layers:
        raise InvalidArgumentError(f"stages is {stages}; the model has {layers} layers, and a stage at least one")
    share = (layers * layer + head) / stages
    ends = [0]
    for stage in range(1, stages):
        wanted = round(stage * share / layer)
        ends.append(min(max(wanted, ends[-1] + 1), layers - (stages - stage)))
    return list(zip(ends, [*ends[1:], layers]))


class Pipeline:
    """A decoder whose layers are held by several actors of Ray, for models that are too large for one machine.

        with attend.ray.Pipeline("/shared/a-large-model", stages=4) as pipeline:
            pipeline.generate(["Once upon a time"], max_new_tokens=64)

    ``model``: a path that all machines see, of which each reads its own layers. ``stages``: how many actors, which get
    layers so that all take about as long, or the layers of each, ``[(0, 12), (12, 22)]``. ``compute``,
    ``copy_weights``, ``kernels``: as of ``Model``. ``threads``: of each stage, and the CPUs that it asks Ray for.
    ``key_value_type``, ``beyond_positions``: as of ``Model.session``. ``resources``: further options of each actor, one
    for all or a list: ``{"resources": {"node:10.0.0.7": 0.01}}`` puts one on a machine.

    Tokens are sampled on the last stage; what travels are ids one way and hidden states between neighbours. Results
    have the bits of the whole model in one process. ``generate`` cuts its prompts into ``groups``, by default as many
    as there are stages, which are in different stages at a time.
    """

    def __init__(
        self,
        model: Path,
        stages: int | Sequence[tuple[int, int]] = 2,
        *,
        threads: int = 1,
        compute: str = "float32",
        kernels: str | None = None,
        copy_weights: bool = False,
        key_value_type: str | None = None,
        beyond_positions: bool = False,
        resources: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
    ) -> None:
        path = found(model)
        loading = {"compute": compute, "kernels": kernels, "copy_weights": copy_weights, "threads": threads}
        keeping = {"key_value_type": key_value_type, "beyond_positions": beyond_positions}
        if isinstance(stages, int):
            sizes = ray.get(ray.remote(_sizes).options(num_cpus=0).remote(path, loading))
            self.layers = ranges(sizes[0], stages, *sizes[1:])
        else:
            self.layers = [(int(first), int(end)) for first, end in stages]
        self._check()
        each = (
            [dict(resources)] * len(self.layers) if isinstance(resources, Mapping) else [dict(one) for one in resources]
        )
        each += [{}] * (len(self.layers) - len(each))
        self._actors = []
        for index, (own, more) in enumerate(zip(self.layers, each)):
            is_last = index == len(self.layers) - 1
            kind = ray.remote(_LastStage if is_last else _Stage)
            options = {"num_cpus": threads, "max_restarts": -1, "name": None, **more}
            self._actors.append(kind.options(**options).remote(path, own, loading, keeping))
        ray.get([actor.layers.remote() for actor in self._actors])

    def _check(self) -> None:
        """Raises where stages do not follow one another."""
        if len(self.layers) < 2 or self.layers[0][0] != 0:
            raise InvalidArgumentError(f"stages: {self.layers} are not two or more that begin with layer 0")
        for (_, end), (first, _) in zip(self.layers, self.layers[1:]):
            if end != first:
                raise InvalidArgumentError(f"stages: one ends before layer {end}, and the next begins with {first}")

    def generate(
        self, prompts: Iterable[Any], *, groups: int | None = None, retries: int = 1, **options: Any
    ) -> list[Any]:
        """What ``Model.generate`` gives for a list of prompts, texts or ids, with its options.

        ``groups``: how many parts of the prompts are under way at a time. ``retries``: how often all of it is begun
        again where a stage was lost, which Ray starts again meanwhile; the results are the same.
        """
        given = list(prompts)
        if not given:
            return []
        count = len(self._actors) if groups is None else groups
        if count < 1:
            raise InvalidArgumentError(f"groups: {count} cannot be under way")
        *before, last = self._actors
        while True:
            try:
                result: list[Any] = ray.get(last.generate.remote(before, given, options, count))
                return result
            except (ray.exceptions.RayActorError, ray.exceptions.RayTaskError) as problem:
                cause = getattr(problem, "cause", problem)
                lost = isinstance(cause, (ray.exceptions.RayActorError, InvalidStateError))
                if not lost or retries < 1:
                    raise (cause if isinstance(cause, Exception) else problem) from None
                retries -= 1

    def close(self) -> None:
        """Ends the actors; the memory of the model is given back."""
        for actor in self._actors:
            ray.kill(actor)
        self._actors = []

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<attend.ray.Pipeline of layers {', '.join(f'[{first}, {end})' for first, end in self.layers)}>"
