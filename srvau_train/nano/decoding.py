"""Writing answers with a nano Qwen2.5-VL: what `generate` writes, several times as fast.

At this size a step of `generate` is nearly all overhead: modules, hooks, masks and caches that are made anew for each
token, and rows that have ended but are computed to the end of the longest. Here a step is some forty tensor operations
over a cache that lies ready; rows that have ended are dropped, a prompt that stands several times is read once, and two
halves of the rows are written at once, each by kernels of one thread. Whatever is asked for beyond greedy choice, plain
sampling and processors of logits goes the usual way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MethodType
from typing import Any

_HALVES = 2
"""Parts of a batch, whatever the cores, so that what is drawn does not depend on these."""

_READ_AT_ONCE = 64
"""Prompts: what more of them need falls out of the CPU's caches, fewer make small matrices."""

_DROPPED_AT = 0.75
"""Rows that have ended are dropped as soon as no more than this share of the rows goes on."""
_PLAIN = {
    "num_beams": 1, "num_return_sequences": 1, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0, "bad_words_ids": None, "min_length": 0, "min_new_tokens": None,
    "forced_bos_token_id": None, "forced_eos_token_id": None, "begin_suppress_tokens": None, "typical_p": 1.0,
    "epsilon_cutoff": 0.0, "eta_cutoff": 0.0, "min_p": None, "top_p": 1.0, "guidance_scale": None,
    "exponential_decay_length_penalty": None, "sequence_bias": None, "watermarking_config": None,
    "stop_strings": None, "max_time": None, "cache_implementation": None, "return_dict_in_generate": False,
    "prompt_lookup_num_tokens": None, "penalty_alpha": None, "diversity_penalty": 0.0,
}  # fmt: skip
"""What else a generation may ask for, with the values by which it asks for nothing."""


def write_quickly(model: Any) -> None:
    """Replace how a model generates, not what."""
    usual = model.generate
    model.generate = MethodType(lambda self, **given: _generate(self, usual, given), model)


def _generate(model: Any, usual: Callable[..., Any], given: dict[str, Any]) -> Any:
    """Return the tokens of prompts and answers, (rows, tokens), as `generate` does."""
    import torch

    config = given.get("generation_config")
    ours = (model.device.type, model.dtype) == ("cpu", torch.float32)
    if config is None or not ours or not _is_plain(config, given):
        return usual(**given)
    inputs = {name: given[name] for name in given.keys() & _INPUTS}
    prompt = inputs["input_ids"]
    with torch.no_grad():
        read = _Read(model, inputs)
        if processors := given.get("logits_processor"):
            return _Writer(model, read, config, processors).written(prompt)
        seeds = torch.randint(1 << 62, (_HALVES,)).tolist()
        parts = [part for part in torch.arange(len(prompt)).chunk(_HALVES) if len(part)]

        def written(rows: Any, seed: int) -> Any:
            with torch.no_grad():  # a thread's own setting
                draws = torch.Generator().manual_seed(seed)
                return _Writer(model, read.rows(rows), config, draws=draws).written(prompt[rows])

        with ThreadPoolExecutor(len(parts), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            halves = list(pool.map(written, parts, seeds))
    width = max(half.shape[1] for half in halves)
    out = torch.full((len(prompt), width), config.pad_token_id)
    for rows, half in zip(parts, halves, strict=True):
        out[rows, : half.shape[1]] = half
    return out


def _is_plain(config: Any, given: dict[str, Any]) -> bool:
    """Tell whether all that is asked for is done here."""
    asked = {name: getattr(config, name, None) for name in _PLAIN}
    others = given.keys() - {"generation_config", "logits_processor", "disable_compile"} - _INPUTS
    plain = all(value is None or value == _PLAIN[name] for name, value in asked.items())
    return plain and not others and config.max_new_tokens is not None and (not config.do_sample or not config.top_k)


_INPUTS = {"input_ids", "attention_mask", "mm_token_type_ids", "pixel_values_videos", "video_grid_thw",
           "second_per_grid_ts", "pixel_values", "image_grid_thw"}  # fmt: skip


class _Read:
    """Prompts that the model has read: its cache, by layer, its last output, and where each row goes on.

    Args:
        model: Qwen2.5-VL, in memory of the CPU.
        inputs: of its forward, padded on the left.
    """

    def __init__(self, model: Any, inputs: dict[str, Any]) -> None:
        import torch

        places, once = _once(inputs)
        told = [self._told(model, part) for part in _parts(once)]
        cache, hidden, lag = zip(*told, strict=True)
        self.cache = [
            tuple(torch.cat(side)[places] for side in zip(*layer, strict=True)) for layer in zip(*cache, strict=True)
        ]
        self.hidden = torch.cat(hidden)[places]
        self.attended = inputs["attention_mask"]
        self.goes_on = (self.attended.sum(1) + torch.cat(lag)[places]).float()

    @staticmethod
    def _told(model: Any, inputs: dict[str, Any]) -> tuple[list[tuple[Any, Any]], Any, Any]:
        """Return the cache, the last output, and how far positions lag behind places."""
        told = model.model(**inputs, use_cache=True)
        cache = [(layer.keys, layer.values) for layer in told.past_key_values.layers]
        return cache, told.last_hidden_state[:, -1], told.rope_deltas[:, 0]

    def rows(self, chosen: Any) -> _Read:
        """Return some of the rows."""
        part = object.__new__(_Read)
        part.cache = [(keys[chosen], values[chosen]) for keys, values in self.cache]
        part.hidden, part.attended, part.goes_on = (x[chosen] for x in (self.hidden, self.attended, self.goes_on))
        return part


def _once(inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return for each row the place of its prompt among the different ones, and the inputs of these."""
    import torch

    ids = inputs["input_ids"]
    count, pixels = len(ids), _pixels_of_rows(inputs)
    _, which = torch.unique(ids, dim=0, return_inverse=True)
    if int(which.max()) + 1 == count or pixels is None:
        return torch.arange(count), inputs
    first: dict[tuple[int, int], int] = {}
    places: list[int] = []
    kept: list[int] = []
    for row in range(count):
        key = (int(which[row]), hash(pixels[row].contiguous().view(torch.uint8).numpy().tobytes()))
        if key not in first:
            first[key] = len(kept)
            kept.append(row)
        places.append(first[key])
    return torch.tensor(places), _chosen_rows(inputs, pixels, kept)


def _parts(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the inputs in parts of few enough rows for the CPU's caches, if they can be taken apart."""
    count, pixels = len(inputs["input_ids"]), _pixels_of_rows(inputs)
    if count <= _READ_AT_ONCE or pixels is None:
        return [inputs]
    rows = list(range(count))
    return [_chosen_rows(inputs, pixels, rows[i : i + _READ_AT_ONCE]) for i in range(0, count, _READ_AT_ONCE)]


def _pixels_of_rows(inputs: dict[str, Any]) -> list[Any] | None:
    """Return the pixels of each row, if each has as many videos and there are no images."""
    grid, count = inputs.get("video_grid_thw"), len(inputs["input_ids"])
    if grid is None or len(grid) % count or "image_grid_thw" in inputs:
        return None
    sizes = grid.prod(1).view(count, -1).sum(1).tolist()
    return list(inputs["pixel_values_videos"].split(sizes))


def _chosen_rows(inputs: dict[str, Any], pixels: list[Any], kept: list[int]) -> dict[str, Any]:
    """Return the inputs of some rows."""
    import torch

    count, grid = len(pixels), inputs["video_grid_thw"]
    chosen: dict[str, Any] = {
        name: inputs[name][kept] for name in ("input_ids", "attention_mask", "mm_token_type_ids") if name in inputs
    }
    chosen |= {
        "video_grid_thw": grid.view(count, -1, 3)[kept].flatten(0, 1),
        "pixel_values_videos": torch.cat([pixels[row] for row in kept]),
    }
    if "second_per_grid_ts" in inputs:
        seconds = torch.as_tensor(inputs["second_per_grid_ts"]).view(count, -1)
        chosen["second_per_grid_ts"] = seconds[kept].flatten()
    return chosen


class _Writer:
    """One generation.

    Args:
        model: Qwen2.5-VL, in memory of the CPU.
        read: the prompts.
        config: how it is to generate.
        processors: of logits, each of (tokens, logits); where there are some, no row is dropped.
        draws: what samples are drawn from.
    """

    def __init__(self, model: Any, read: _Read, config: Any, processors: Sequence[Any] = (), draws: Any = None) -> None:
        import torch

        self._config, self._processors, self._draws = config, list(processors), draws
        language = model.model.language_model
        self._embedding, self._norm, self._head = language.embed_tokens.weight, language.norm, model.lm_head.weight
        self._layers = [_Layer(layer) for layer in language.layers]
        length = read.attended.shape[1]
        room = length + config.max_new_tokens
        for layer, (keys, values) in zip(self._layers, read.cache, strict=True):
            layer.begin(keys, values, room)
        self._mask = torch.zeros(len(read.attended), 1, 1, room)
        self._mask[:, 0, 0, :length].masked_fill_(read.attended == 0, float("-inf"))
        self._place, self._hidden = read.goes_on, read.hidden
        self._rates = language.rotary_emb.inv_freq.float()
        suppressed = getattr(config, "suppress_tokens", None)
        self._suppressed = torch.tensor(suppressed) if suppressed else None
        ends = config.eos_token_id
        self._ends = torch.tensor([ends] if isinstance(ends, int) else list(ends or ()))

    def written(self, prompt: Any) -> Any:
        """Return prompts and answers, (rows, tokens)."""
        import torch

        count, begin = prompt.shape
        most = self._config.max_new_tokens
        out = torch.full((count, begin + most), self._config.pad_token_id)
        out[:, :begin] = prompt
        rows = torch.arange(count)
        going = torch.ones(count, dtype=torch.bool)
        for step in range(most):
            token = self._chosen(out[:, : begin + step])
            token = torch.where(going, token, self._config.pad_token_id)
            out[rows, begin + step] = token
            going = going & ~torch.isin(token, self._ends)
            left = int(going.sum())
            if not left or step + 1 == most:
                break
            if not self._processors and left <= _DROPPED_AT * len(rows):
                kept = going.nonzero()[:, 0]
                rows, token, going = rows[kept], token[kept], going[kept]
                self._keep(kept)
            self._hidden = self._read(token, begin + step)
        return out[:, : begin + step + 1]

    def _chosen(self, tokens: Any) -> Any:
        """Return the next token of each row."""
        import torch

        logits = (self._hidden @ self._head.T).float()
        if self._suppressed is not None:
            logits[:, self._suppressed] = float("-inf")
        for processor in self._processors:
            logits = processor(tokens, logits)
        if not self._config.do_sample:
            return logits.argmax(-1)
        temperature = self._config.temperature or 1.0
        return torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=self._draws)[:, 0]

    def _read(self, token: Any, at: int) -> Any:
        """Return the last layer's output for one more token of each row, which stands at this place of the cache."""
        import torch

        angles = self._place[:, None] * self._rates
        turned = torch.cat([angles, angles], -1)[:, None]
        cos, sin = turned.cos(), turned.sin()
        self._place = self._place + 1
        hidden = self._embedding[token]
        mask = self._mask[..., : at + 1]
        for layer in self._layers:
            hidden = layer.read(hidden, cos, sin, mask, at)
        return self._norm(hidden)

    def _keep(self, kept: Any) -> None:
        """Drop all rows but these."""
        self._mask, self._place = self._mask[kept], self._place[kept]
        for layer in self._layers:
            layer.keep(kept)


class _Layer:
    """A layer of the language model that reads one token of each row at a time."""

    def __init__(self, layer: Any) -> None:
        import torch

        attention, feed = layer.self_attn, layer.mlp
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        self._looked = torch.cat([part.weight for part in parts]).T.contiguous()
        self._shift = torch.cat([part.bias for part in parts])
        self._widths = [part.weight.shape[0] for part in parts]
        self._wide, self._scale = attention.head_dim, attention.scaling
        self._out = attention.o_proj.weight.T.contiguous()
        self._opened = torch.cat([feed.gate_proj.weight, feed.up_proj.weight]).T.contiguous()
        self._closed = feed.down_proj.weight.T.contiguous()
        self._before, self._between = layer.input_layernorm, layer.post_attention_layernorm

    def begin(self, keys: Any, values: Any, room: int) -> None:
        """Take over a cache, (rows, heads, tokens, width), with room for so many tokens."""
        import torch

        rows, heads, length, wide = keys.shape
        self._keys, self._values = (torch.zeros(rows, heads, room, wide) for _ in range(2))
        self._keys[:, :, :length], self._values[:, :, :length] = keys, values

    def keep(self, kept: Any) -> None:
        """Drop all rows of the cache but these."""
        self._keys, self._values = self._keys[kept], self._values[kept]

    def read(self, hidden: Any, cos: Any, sin: Any, mask: Any, at: int) -> Any:
        """Return the layer's output, (rows, width), for the token at this place.

        Args:
            hidden: (rows, width).
            cos: (rows, 1, width of a head).
            sin: the same.
            mask: (rows, 1, 1, tokens), added to the scores.
            at: place in the cache.
        """
        import torch

        rows, wide = len(hidden), self._wide
        looked = torch.addmm(self._shift, self._before(hidden), self._looked)
        query, key, value = (part.view(rows, -1, wide) for part in looked.split(self._widths, -1))
        query, key = _turned(query, cos, sin), _turned(key, cos, sin)
        self._keys[:, :, at], self._values[:, :, at] = key, value
        # the queries that share keys stand beside each other, as if they were tokens
        heads = key.shape[1]
        seen = torch.nn.functional.scaled_dot_product_attention(
            query.view(rows, heads, -1, wide), self._keys[:, :, : at + 1], self._values[:, :, : at + 1],
            attn_mask=mask, scale=self._scale,
        )  # fmt: skip
        hidden = torch.addmm(hidden, seen.reshape(rows, -1), self._out)
        gate, up = (self._between(hidden) @ self._opened).chunk(2, -1)
        return torch.addmm(hidden, torch.nn.functional.silu(gate) * up, self._closed)


def _turned(heads: Any, cos: Any, sin: Any) -> Any:
    import torch

    early, late = heads.chunk(2, -1)
    return heads * cos + torch.cat([-late, early], -1) * sin
