"""Muon: its steps keep the gradient's directions and even out their sizes; beside it runs AdamW as torch has it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 99))
def test_a_step_has_the_gradients_directions_and_even_sizes(rows, columns, seed):
    from srvau_train.muon import orthogonal

    torch.manual_seed(seed)
    left, _, right = torch.linalg.svd(torch.randn(rows, columns), full_matrices=False)
    sizes = torch.linspace(1.0, 0.2, min(rows, columns))
    found = left.T @ orthogonal(left @ torch.diag(sizes) @ right) @ right.T
    assert (found - torch.diag(found.diagonal())).abs().max() < 1e-3
    assert found.diagonal().min() > 0.6 and found.diagonal().max() < 1.3


class Net(torch.nn.Module):
    """A tied embedding, a linear layer and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(7, 8)
        self.layer = torch.nn.Linear(8, 8)
        self.norm = torch.nn.LayerNorm(8)
        self.head = torch.nn.Linear(8, 7, bias=False)
        self.head.weight = self.words.weight

    def forward(self, ids):
        return self.head(self.norm(self.layer(self.words(ids))))


def fit(net, optimizer, steps):
    ids = torch.arange(7)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(net(ids), (ids * 3 + 1) % 7)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


def test_only_matrices_of_linear_layers_are_muons(net):
    from srvau_train.muon import Muon

    net.norm.weight.requires_grad_(False)
    muon, adam = Muon(net, [torch.nn.Parameter(torch.zeros(2, 2))], lr=0.1, muon_lr=0.2).param_groups
    assert [p.shape for p in muon["params"]] == [(8, 8)] and muon["lr"] == 0.2
    assert sorted(tuple(p.shape) for p in adam["params"]) == [(2, 2), (7, 8), (8,), (8,)] and adam["lr"] == 0.1


def test_the_rest_steps_as_torchs_adamw_does(net):
    from srvau_train.muon import Muon

    net.layer.weight.requires_grad_(False)
    other = copy.deepcopy(net)
    fit(net, Muon(net, lr=0.01, muon_lr=1.0, weight_decay=0.1), 20)
    weights = [p for p in other.parameters() if p.requires_grad]
    fit(other, torch.optim.AdamW(weights, 0.01, betas=(0.9, 0.98), weight_decay=0.1), 20)
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def test_it_learns_and_goes_on_from_its_state(net):
    from srvau_train.muon import Muon

    half = copy.deepcopy(net)
    losses = fit(net, Muon(net, lr=0.02, muon_lr=0.05), 60)
    assert losses[-1] < 0.1 * losses[0]
    first = Muon(half, lr=0.02, muon_lr=0.05)
    fit(half, first, 30)
    second = Muon(half, lr=0.02, muon_lr=0.05)
    second.load_state_dict(first.state_dict())
    assert fit(half, second, 30) == pytest.approx(losses[30:], rel=1e-4)


def test_a_matrix_too_large_to_make_orthogonal_is_left_to_adam():
    from srvau_train.muon import Muon

    net = torch.nn.ModuleList([torch.nn.Linear(20, 20, bias=False), torch.nn.Linear(20, 8, bias=False)])
    muon, adam = Muon(net, lr=0.1, muon_lr=0.2, largest=16).param_groups
    assert [id(p) for p in muon["params"]] == [id(net[1].weight)]
    assert [id(p) for p in adam["params"]] == [id(net[0].weight)]


def test_steps_of_several_weights_at_once_are_the_same_to_the_last_bit(net):
    from concurrent.futures import ThreadPoolExecutor

    from srvau_train.muon import Muon

    other = copy.deepcopy(net)
    fit(net, Muon(net, lr=0.02, muon_lr=0.05), 5)
    at_once = Muon(other, lr=0.02, muon_lr=0.05)
    with ThreadPoolExecutor(3) as pool:
        step = at_once.step
        at_once.step = lambda: step(run=pool.map)
        fit(other, at_once, 5)
    assert all(torch.equal(one, two) for one, two in zip(net.parameters(), other.parameters(), strict=True))


def test_a_step_without_gradients_changes_nothing(net):
    from srvau_train.muon import Muon

    before = copy.deepcopy(net.state_dict())
    Muon(net, lr=0.02, muon_lr=0.05).step()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_an_error_in_one_of_several_weights_is_told(net):
    from concurrent.futures import ThreadPoolExecutor

    from srvau_train.muon import Muon

    net.layer.weight.grad = torch.ones(8, 8)
    muon = Muon(net, lr=0.02, muon_lr=0.05)
    muon.state[net.layer.weight]["mean"] = torch.zeros(3, 3)
    with ThreadPoolExecutor(2) as pool, pytest.raises(RuntimeError):
        muon.step(run=pool.map)
