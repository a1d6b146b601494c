"""Attention maps with the tokens that they belong to, and what is computed of them.

    from attend import maps

    found = maps.record(model, "attention")  # of an encoder, a decoder or an encoder-decoder
    found.cross.map(layer=3)  # the mean of its heads, [queries, keys]
    found.cross.words().entropy()  # [layers, heads]
    maps.rollout(found)

``attend.plot`` draws them with matplotlib, ``attend.view`` shows them in a browser; docs/attention.md says how to read
them.
"""

from ._alignment import Step, best_path
from ._attention import Attention, Maps
from ._graph import flow, rollout
from ._recording import Steps, record
from ._tokens import Tokens

__all__ = ["Attention", "Maps", "Step", "Steps", "Tokens", "best_path", "flow", "record", "rollout"]
