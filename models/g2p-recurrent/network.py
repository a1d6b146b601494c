"""The recurrent network that spells: a bidirectional LSTM reads the letters, another LSTM writes the phonemes and looks
back at the letters by Luong's attention (2015, arXiv:1508.04025), or not. Trained by train.py; measured against Attend
by evaluate.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from attend.export import save_recurrent
from torch import nn

EOS, PAD = 0, 1  # pad begins what is written, as in models/g2p-en


class Network(nn.Module):
    def __init__(
        self,
        vocabulary: int,
        embedding: int = 128,
        width: int = 260,
        layers: int = 2,
        attends: bool = True,
        dropout=0.2,
    ):
        super().__init__()
        self.attends = attends
        self.embedding = nn.Embedding(vocabulary, embedding)
        options = {"num_layers": layers, "batch_first": True, "dropout": dropout}
        self.encoder = nn.LSTM(embedding, width // 2, bidirectional=True, **options)
        self.decoder = nn.LSTM(embedding, width, **options)
        self.general = nn.Linear(width, width, bias=False) if attends else None
        self.output = nn.Linear(2 * width, width, bias=False) if attends else None
        self.generator = nn.Linear(width, vocabulary)
        self.dropout = nn.Dropout(dropout)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
            elif "bias_hh" in name:  # forget gates that begin open (Jozefowicz et al. 2015)
                nn.init.zeros_(parameter)
                parameter.data[len(parameter) // 4 : len(parameter) // 2] = 1.0
            else:
                nn.init.zeros_(parameter)

    def read(self, sources: torch.Tensor) -> tuple[Any, ...]:
        """Of sources [batch, letters], padded behind: keys, a mask of padding, and the first state of the decoder."""
        lengths = (sources != PAD).sum(1).cpu()  # where packing wants them
        words = self.dropout(self.embedding(sources))
        packed = nn.utils.rnn.pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
        states, last = self.encoder(packed)
        keys, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=sources.shape[1])
        return keys, sources == PAD, tuple(self.side_by_side(state) for state in last)

    @staticmethod
    def side_by_side(state: torch.Tensor) -> torch.Tensor:
        """[layers * 2, batch, width / 2] to [layers, batch, width]."""
        forward, backward = state[0::2], state[1::2]
        return torch.cat((forward, backward), dim=2)

    def write(self, targets: torch.Tensor, keys, padding, state) -> tuple[torch.Tensor, Any]:
        """Logits behind each of the targets, [batch, phonemes, vocabulary], and the state."""
        hidden, state = self.decoder(self.dropout(self.embedding(targets)), state)
        if self.attends:
            scores = hidden @ self.general(keys).transpose(1, 2)
            weights = torch.softmax(scores.masked_fill(padding[:, None], float("-inf")), dim=2)
            hidden = torch.tanh(self.output(torch.cat((weights @ keys, hidden), dim=2)))
        return self.generator(self.dropout(hidden)), state

    def forward(self, sources: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self.write(targets, *self.read(sources))[0]

    @torch.inference_mode()
    def greedy(self, sources: torch.Tensor, longest: int = 40) -> list[list[int]]:
        """Ids without the start, with the end where it was reached."""
        keys, padding, state = self.read(sources)
        last = torch.full((len(sources), 1), PAD, device=sources.device)
        ids: list[list[int]] = [[] for _ in sources]
        open_rows = set(range(len(sources)))
        while open_rows and len(ids[next(iter(open_rows))]) < longest:
            logits, state = self.write(last, keys, padding, state)
            last = logits[:, -1].argmax(1, keepdim=True)
            for row, token in enumerate(last[:, 0].tolist()):
                if row in open_rows:
                    ids[row].append(token)
                    if token == EOS:
                        open_rows.discard(row)
        return ids

    @torch.inference_mode()
    def beams(self, sources: torch.Tensor, width: int = 4, longest: int = 40) -> list[tuple[float, list[int]]]:
        """The best hypothesis of each source by the sum of log-probabilities through the number of tokens, and that
        score: the beam search of transformers.
        """
        batch = len(sources)
        keys, padding, state = self.read(sources)
        keys, padding = keys.repeat_interleave(width, 0), padding.repeat_interleave(width, 0)
        state = tuple(part.repeat_interleave(width, 1) for part in state)
        sums = torch.full((batch, width), float("-inf"), device=sources.device)
        sums[:, 0] = 0
        last = torch.full((batch * width, 1), PAD, device=sources.device)
        ids: list[list[list[int]]] = [[[] for _ in range(width)] for _ in range(batch)]
        finished: list[list[tuple[float, list[int]]]] = [[] for _ in range(batch)]
        is_done = [False] * batch
        for length in range(1, longest + 1):
            logits, state = self.write(last, keys, padding, state)
            scores = torch.log_softmax(logits[:, -1], 1).view(batch, width, -1) + sums[:, :, None]
            totals, places = (best.tolist() for best in scores.view(batch, -1).topk(2 * width))
            parents = torch.zeros(batch, width, dtype=torch.long)
            sums = torch.full((batch, width), float("-inf"))  # filled one by one, so not on the device
            for row in range(batch):
                if is_done[row]:
                    continue
                running: list[list[int]] = []
                for rank, (total, place) in enumerate(zip(totals[row], places[row])):
                    parent, token = divmod(place, scores.shape[2])
                    hypothesis = [*ids[row][parent], token]
                    if token == EOS or length == longest:
                        if rank < width:
                            finished[row].append((total / length, hypothesis))
                    elif len(running) < width:
                        parents[row, len(running)], sums[row, len(running)] = parent, total
                        running.append(hypothesis)
                finished[row] = sorted(finished[row], key=lambda one: -one[0])[:width]
                is_done[row] = not running or (
                    len(finished[row]) == width and float(sums[row, 0]) / length <= finished[row][-1][0]
                )
                ids[row] = running + [[EOS]] * (width - len(running))
            if all(is_done):
                break
            order = (parents + torch.arange(batch)[:, None] * width).view(-1).to(sources.device)
            sums = sums.to(sources.device)
            state = tuple(part.index_select(1, order) for part in state)
            last = torch.tensor([[one[-1]] for row in ids for one in row], device=sources.device)
        return [hypotheses[0] for hypotheses in finished]

    def save(self, folder: Path) -> None:
        """As Attend loads it, in float16."""
        half = {name: tensor.half().cpu() for name, tensor in self.state_dict().items()}
        copy = Network(
            self.embedding.num_embeddings,
            self.embedding.embedding_dim,
            self.decoder.hidden_size,
            self.decoder.num_layers,
            self.attends,
        ).half()
        copy.load_state_dict(half)
        attention = {"attention": "luong", "general": copy.general, "output": copy.output} if self.attends else {}
        save_recurrent(
            folder,
            copy.encoder,
            copy.decoder,
            embedding=copy.embedding,
            generator=copy.generator,
            bridge="copy",
            generation={"decoder_start_token_id": PAD, "eos_token_id": EOS, "pad_token_id": PAD},
            **attention,
        )


def load(folder: Path) -> Network:
    """What `save` wrote, in float32."""
    import json

    from safetensors.torch import load_file

    config = json.loads((Path(folder) / "config.json").read_text())
    network = Network(
        config["vocab_size"],
        config["embedding_size"],
        config["hidden_size"],
        config["num_decoder_layers"],
        config["attention"] != "none",
        dropout=0.0,
    )
    names = {
        "decoder.attention.general.weight": "general.weight",
        "decoder.output.weight": "output.weight",
    }
    tensors = {
        names.get(name, name.replace(".rnn.", ".")): tensor.float()
        for name, tensor in load_file(Path(folder) / "model.safetensors").items()
    }
    network.load_state_dict(tensors)
    return network.eval()


def padded(rows: list[list[int]]) -> torch.Tensor:
    """[rows, longest], padded behind."""
    table = torch.full((len(rows), max(map(len, rows))), PAD)
    for index, row in enumerate(rows):
        table[index, : len(row)] = torch.tensor(row)
    return table
