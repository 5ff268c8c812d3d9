"""An empty nano model, a few clips, and chains about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from srvau_train.nano.frames import Look, draw_frames
from srvau_train.nano.recipe import Recipe
from srvau_train.nano.rows import chains, texts

LOOK = Look()


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return draw_frames(tmp_path_factory.mktemp("frames"), "train", 8, LOOK, workers=1)


@pytest.fixture(scope="session")
def made():
    """An empty model with its processor."""
    from srvau_train.nano.architecture import Size, build_model, build_processor, build_tokenizer

    size = Size(vocabulary=1500)
    tokenizer = build_tokenizer(texts([], 60, LOOK), size.vocabulary)
    return build_model(tokenizer, size, seed=0), build_processor(tokenizer, size)


@pytest.fixture
def model(made):
    """The same weights, in a model of its own."""
    import copy

    return copy.deepcopy(made[0])


@pytest.fixture(scope="session")
def taught(tmp_path_factory):
    """The chains of a few clips."""
    from srvau_train.nano.train import Training

    return chains(Training(tmp_path_factory.mktemp("chains"), replace(Recipe(), taught=16)).taught, LOOK)


@pytest.fixture(scope="session")
def tokenizer(taught):
    """A tokenizer that has learnt from chains, too."""
    from srvau_train.nano.architecture import build_tokenizer

    return build_tokenizer([*texts([], 20, LOOK), *[row.response for row in taught] * 50], 2500)


@pytest.fixture
def features(made, store):
    """Prepare rows for the model."""
    from srvau_train.batches import ExampleDataset, family_of_model, input_builder

    model, processor = made
    builder = input_builder(processor, model, family_of_model(model), Recipe().base("x").data)

    def prepare(rows, source=store):
        dataset = ExampleDataset(rows, builder, processor.tokenizer, source)
        return [dataset[i] for i in range(len(rows))]

    return prepare
