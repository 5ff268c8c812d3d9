"""RMSNorm says what its formula says, and so does its backward pass."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

EPS = 1e-6


def by_the_formula(rows, weight):
    return weight * rows / (rows.square().mean(-1, keepdim=True) + EPS).sqrt()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), max_size=3), st.integers(1, 33), st.integers(0, 99), st.sampled_from([1e-4, 1, 1e3]))
def test_values_and_gradients_are_those_of_the_formula(shape, width, seed, size):
    from srvau_train.nano.norms import rms_norm

    torch.manual_seed(seed)
    rows = (size * torch.randn(*shape, width, dtype=torch.float64)).requires_grad_()
    weight = torch.randn(width, dtype=torch.float64, requires_grad=True)
    told = torch.randn(*shape, width, dtype=torch.float64)
    ours, plain = rms_norm(rows, weight, EPS), by_the_formula(rows, weight)
    assert torch.allclose(ours, plain)
    for one, two in zip(
        torch.autograd.grad(ours, (rows, weight), told), torch.autograd.grad(plain, (rows, weight), told), strict=True
    ):
        assert one.shape == two.shape and torch.allclose(one, two, atol=1e-8 / size)


def test_rows_of_nothing_but_zeros_stay_so_and_their_gradients_are_finite():
    from srvau_train.nano.norms import rms_norm

    rows, weight = torch.zeros(3, 8, requires_grad=True), torch.ones(8, requires_grad=True)
    out = rms_norm(rows, weight, EPS)
    out.sum().backward()
    assert not out.any() and torch.isfinite(rows.grad).all() and not weight.grad.any()


def test_without_gradients_it_says_the_same():
    from srvau_train.nano.norms import rms_norm

    rows, weight = torch.randn(4, 16), torch.randn(16)
    with torch.no_grad():
        assert torch.allclose(rms_norm(rows, weight, EPS), by_the_formula(rows, weight), atol=1e-6)
    assert torch.allclose(rms_norm(rows, weight.requires_grad_(), EPS), by_the_formula(rows, weight), atol=1e-6)
