"""How large a model is, from the `config.json` of a checkpoint or from a table of published ones.

Parameters are those of the large matrices; norms and biases, a thousandth of them, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, RootModel

from vau_bench.declarations import read_declaration
from vau_bench.errors import UsageError

FILE = Path(__file__).with_name("shapes.yaml")
FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "llava_onevision", "smolvlm")
"""Architectures, by `model_type`, whose shape is understood."""


class TextShape(BaseModel):
    """The language model: layers of grouped-query attention and a gated MLP.

    Attributes:
        hidden: width.
        intermediate: width of the MLP.
        kv_heads: heads of keys and values.
        head_dim: width of a head; default: the width over the heads.
        tied: whether input and output share their vocabulary.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int | None = None
    vocab: int
    tied: bool

    @property
    def head(self) -> int:
        """Width of a head."""
        return self.head_dim or self.hidden // self.heads

    @property
    def layer_parameters(self) -> int:
        """Parameters of all layers, which every token goes through."""
        attention = 2 * self.hidden * self.head * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def vocabulary_parameters(self) -> int:
        """Parameters of the output vocabulary, which every new token goes through."""
        return self.vocab * self.hidden

    @property
    def cache_values(self) -> int:
        """Keys and values that a token leaves in the cache."""
        return 2 * self.layers * self.kv_heads * self.head


class VisionShape(BaseModel):
    """The vision tower and what leads from it to the language model.

    Attributes:
        full: layers whose patches see all of their picture; the others see windows.
        gated: whether its MLP has three matrices.
        patch: pixels of a patch's side.
        temporal: frames of a patch.
        merged: patches of a visual token.
        image: pixels of a side, where all pictures are scaled to one size; 0 where they are not.
        projector: widths of the MLP to the language model.
        projectors: how many of these there are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int
    intermediate: int
    layers: int
    full: int
    gated: bool = False
    patch: int
    temporal: int = 1
    merged: int
    image: int = 0
    projector: tuple[int, ...]
    projectors: int = 1

    @property
    def layer_parameters(self) -> int:
        """Parameters that every patch goes through."""
        feed = (3 if self.gated else 2) * self.hidden * self.intermediate
        return self.layers * (4 * self.hidden**2 + feed) + 3 * self.temporal * self.patch**2 * self.hidden

    @property
    def projector_parameters(self) -> int:
        """Parameters that every visual token goes through on its way."""
        return self.projectors * sum(a * b for a, b in pairwise(self.projector))


class Shape(BaseModel):
    """A model.

    Attributes:
        family: its architecture, one of `FAMILIES`.
        published: 10^9 parameters, as published.
        source: of these figures.
        read: when.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    text: TextShape
    vision: VisionShape
    published: float | None = None
    source: str = ""
    read: str = ""

    @property
    def parameters(self) -> int:
        """All of them."""
        vocabulary = self.text.vocabulary_parameters * (1 if self.text.tied else 2)
        vision = self.vision.layer_parameters + self.vision.projector_parameters
        return self.text.layer_parameters + vocabulary + vision


class _Shapes(RootModel[dict[str, Shape | str]]):
    """By id; a text names the checkpoint that one was tuned from."""


@cache
def known_shapes() -> Mapping[str, Shape]:
    """Return the shapes of published checkpoints, by their id."""
    listed = read_declaration(_Shapes, FILE).root
    whole = {name: shape for name, shape in listed.items() if isinstance(shape, Shape)}
    return {name: shape if isinstance(shape, Shape) else whole[shape] for name, shape in listed.items()}


def shape_named(name: str) -> Shape:
    """Return the shape of a published checkpoint; case and the owner before the slash do not matter.

    Raises:
        UsageError: if it is not known; lists those that are.
    """
    known = known_shapes()
    bare = {key.rpartition("/")[2].casefold(): shape for key, shape in known.items()}
    shape = known.get(name) or bare.get(name.rpartition("/")[2].casefold())
    if shape is None:
        raise UsageError(
            f"how large {name!r} is, is not known; name the folder of a checkpoint, or one of {', '.join(known)}"
        )
    return shape


def shape_of_config(config: Mapping[str, Any], name: str) -> Shape:
    """Return the shape that a `config.json` describes.

    Raises:
        UsageError: for an architecture that is not understood, or where a key is missing.
    """
    family = str(config.get("model_type"))
    text, vision = config.get("text_config", config), config.get("vision_config")
    if family not in FAMILIES or not isinstance(vision, dict) or "num_experts" in text:
        raise UsageError(f"{name} is a {family!r} model; a plan understands {', '.join(FAMILIES)}")
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings", False))
    try:
        read = TextShape(
            hidden=text["hidden_size"],
            intermediate=text["intermediate_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            kv_heads=text.get("num_key_value_heads") or text["num_attention_heads"],
            head_dim=text.get("head_dim"),
            vocab=text["vocab_size"],
            tied=bool(config.get("tie_word_embeddings", tied)),
        )
        return Shape(
            family=family, text=read, vision=_vision(family, config, read.hidden), source=f"config.json of {name}"
        )
    except KeyError as error:
        raise UsageError(f"the config.json of {name} lacks {error}") from None


def _vision(family: str, config: Mapping[str, Any], out: int) -> VisionShape:
    """Return the tower of a `config.json`; `out` is the width of the language model."""
    vision = config["vision_config"]
    layers = vision["depth"] if "depth" in vision else vision["num_hidden_layers"]
    hidden = vision.get("embed_dim") or vision["hidden_size"]
    intermediate = vision.get("intermediate_size") or int(hidden * vision.get("mlp_ratio", 4))
    patch, image = _side(vision["patch_size"]), _side(vision.get("image_size", 0))
    merge = vision.get("spatial_merge_size", 2)
    qwen = family.startswith("qwen")
    merged = {"internvl": 4, "llava_onevision": 1, "smolvlm": int(config.get("scale_factor", 3)) ** 2}.get(
        family, merge**2
    )
    wide = hidden * merged
    projector = {
        "internvl": (wide, out, out),
        "llava_onevision": (wide, out, out),
        "smolvlm": (wide, out),
    }.get(family, (wide, wide, out))
    return VisionShape(
        hidden=hidden,
        intermediate=intermediate,
        layers=layers,
        full=len(vision["fullatt_block_indexes"]) if family == "qwen2_5_vl" else layers,
        gated=family == "qwen2_5_vl",
        patch=patch,
        temporal=vision.get("temporal_patch_size", 2) if qwen else 1,
        merged=merged,
        image=0 if qwen else image,
        projector=projector,
        projectors=1 + len(vision.get("deepstack_visual_indexes", ())) if family == "qwen3_vl" else 1,
    )


def _side(value: Any) -> int:
    return int(value[0] if isinstance(value, list | tuple) else value)
