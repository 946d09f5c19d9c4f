import pytest

from moclink.phy.engine import ON_TORCH

if not ON_TORCH:
    pytest.skip("of torch only: it compiles functions of PyTorch", allow_module_level=True)

import torch

from moclink.phy.fused import Fused


def squares(x, y):
    return x * x + y[0]


@pytest.fixture
def backend(monkeypatch):
    """Make torch.compile call what is given instead of a compiler of C++ or of a GPU."""

    def use(function):
        real = torch.compile
        monkeypatch.setattr(torch, "compile", lambda f, **kw: real(f, backend=function, **kw))

    return use


def test_one_graph_serves_all_lengths(backend):
    graphs = []
    backend(lambda module, inputs: graphs.append(module) or module.forward)
    fused = Fused(squares, "squaring")
    for length in (2, 3, 640, 64):
        x, y = torch.arange(length) * 1.0, torch.ones(2, length)
        assert torch.equal(fused(x, y), x * x + 1)
    assert len(graphs) == 1


def test_what_cannot_be_compiled_runs_as_it_is_and_says_so_once(backend, capsys):
    def fails(module, inputs):
        raise RuntimeError("no compiler here")

    backend(fails)
    fused = Fused(squares, "squaring")
    x, y = torch.arange(5) * 1.0, torch.ones(2, 5)
    assert torch.equal(fused(x, y), x * x + 1)
    assert torch.equal(fused(x, y), x * x + 1)
    said = capsys.readouterr().err
    assert said.startswith("note: squaring is not compiled (") and "no compiler here" in said
    assert said.count("\n") == 1


def test_errors_of_the_function_itself_are_not_hidden(backend):
    backend(lambda module, inputs: module.forward)
    with pytest.raises((RuntimeError, TypeError)):
        Fused(squares, "squaring")(torch.ones(2, 5), torch.ones(3, 7))


def test_each_has_compilations_of_its_own(backend):
    """PyTorch gives up a function after eight: closures of one function are as many as there are codes."""
    graphs = []
    backend(lambda module, inputs: graphs.append(module) or module.forward)

    def make(places):
        def chosen(x):
            return x[places] + len(places)

        return Fused(chosen, "choosing")

    x = torch.arange(24.0).reshape(12, 2)
    for count in range(2, 12):
        places = torch.arange(count)
        assert torch.equal(make(places)(x), x[:count] + count)
    assert len(graphs) == 10
