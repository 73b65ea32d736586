"""Pruned copies of PyTorch modules: what is removed, what is repaired, what is left as it was."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sparsekit.pruning._criteria import CRITERIA, Magnitude, lamp_scores
from sparsekit.pruning._granularity import Blocks, Weights
from sparsekit.pruning._masks import build_masks
from sparsekit.pruning._torch._module import prune_module

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra torch)")
nn = torch.nn

UNITS = ["filter", "channel"]
GRANULARITIES = ["weight", "2:4", *UNITS]


def convolutional(seed=0, **options):
    """Return a chain with one of nearly everything, which has seen some data."""
    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Sequential(
            nn.Conv2d(2, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        ),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding="same", padding_mode="circular"),
        nn.PReLU(12),
        nn.Dropout2d(0.1),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.BatchNorm1d(48),
        nn.Linear(48, 10),
        nn.BatchNorm1d(10),
        nn.Tanh(),
        nn.Linear(10, 3),
    )
    module(images())
    return module.to(**options)


def images(n_samples=60):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n_samples, 2, 8, 8, generator=generator)


def perceptron():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def rows(n_samples=80):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n_samples, 12, generator=generator)


def layers_of(module):
    """Return the layers whose weights are pruned."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]


def n_weights(module):
    return sum(layer.weight.numel() for layer in layers_of(module))


def n_kept(module):
    return sum(int((layer.weight != 0).sum()) for layer in layers_of(module))


def answers(module, x):
    with torch.no_grad():
        return copy.deepcopy(module).eval()(x).double().numpy()


@pytest.mark.parametrize("allocation", ["global", "erk", "uniform"])
@pytest.mark.parametrize("reconstruct", [False, True])
def test_as_many_weights_stay_as_were_asked_for(allocation, reconstruct):
    module = convolutional()
    options = {"allocation": allocation, "example_input": images(), "reconstruct": reconstruct}
    pruned = prune_module(module, sparsity=0.8, **options)
    kept = round(0.2 * n_weights(module))
    assert abs(n_kept(pruned) - kept) <= (0 if allocation == "global" else 2)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_the_given_module_stays_as_it_is(granularity):
    module = convolutional()
    before = copy.deepcopy(module.state_dict())
    example = images()
    prune_module(module, sparsity=0.5, granularity=granularity, example_input=example)
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(example, images())


@pytest.mark.parametrize("granularity", ["weight", *UNITS])
def test_zero_sparsity_is_the_identity(granularity):
    module = convolutional()
    pruned = prune_module(module, sparsity=0, granularity=granularity, example_input=images())
    np.testing.assert_allclose(answers(pruned, images()), answers(module, images()), atol=1e-5)


CONVOLUTIONS = [
    {"kernel_size": 3},
    {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)},
    {"kernel_size": 2, "padding": "same", "dilation": 3},
    {"kernel_size": 3, "padding": 2, "padding_mode": "reflect", "dilation": (1, 2)},
    {"kernel_size": 3, "padding": "same", "padding_mode": "replicate", "bias": False},
    {"kernel_size": 1, "padding": "valid"},
]


def patches(layer, x):
    """Return the patches of a convolution, from what it makes of them with one weight at a time."""
    probe = copy.deepcopy(layer)
    n_places = layer.weight[0].numel()
    columns = []
    with torch.no_grad():
        if probe.bias is not None:
            probe.bias.zero_()
        for place in range(n_places):
            probe.weight.zero_()
            probe.weight[0].view(-1)[place] = 1
            columns.append(probe(x)[:, 0].reshape(-1))
    return torch.stack(columns, dim=1).double().numpy()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_a_convolution_is_repaired_to_the_optimum(options):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, **options)
    x = torch.randn(20, 3, 6, 5) + 1
    pruned = prune_module(nn.Sequential(layer), sparsity=0.6, example_input=x)[0]
    A = patches(layer, x)
    T = layer(x).detach().permute(1, 0, 2, 3).reshape(4, -1).double().numpy()
    if layer.bias is not None:
        A_mean, T_mean = A.mean(axis=0), T.mean(axis=1)
        A, T = A - A_mean, T - T_mean[:, None]
    gram = A.T @ A / len(A)
    damping = 1e-2 * np.trace(gram) / len(gram)
    for j in range(4):
        start = layer.weight[j].detach().double().numpy().ravel()
        found = pruned.weight[j].detach().double().numpy().ravel()
        K = found != 0
        square = gram[np.ix_(K, K)] + damping * np.eye(K.sum())
        right = A[:, K].T @ T[j] / len(A) + damping * start[K]
        np.testing.assert_allclose(found[K], np.linalg.solve(square, right), rtol=1e-3, atol=1e-5)
        if layer.bias is not None:
            assert pruned.bias[j].item() == pytest.approx(T_mean[j] - A_mean @ found, abs=1e-4)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_repair_brings_the_outputs_nearer(granularity):
    module, x = convolutional(), images(200)
    options = {"sparsity": 0.5, "granularity": granularity, "example_input": x}
    errors = [
        np.square(
            answers(prune_module(module, reconstruct=reconstruct, **options), x)
            - answers(module, x)
        ).mean()
        for reconstruct in (False, True)
    ]
    assert errors[1] < 0.5 * errors[0]


def test_each_layer_is_repaired_for_the_inputs_it_will_have():
    module, x = perceptron(), rows(400)
    pruned = prune_module(module, sparsity=0.7, example_input=x)
    with torch.no_grad():
        A, T = pruned[:2](x).double().numpy(), module[:3](x).double().numpy()
    A, T = A - A.mean(axis=0), T - T.mean(axis=0)
    gram = A.T @ A
    damping = 1e-2 * np.trace(gram) / len(gram)
    W, start = (m[2].weight.detach().double().numpy().T for m in (pruned, module))
    slope = gram @ W - A.T @ T + damping * (W - start)
    assert np.abs(slope[W != 0]).max() < 1e-4 * np.abs(A.T @ T).max()


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_a_pruned_module_is_an_ordinary_one(granularity):
    module = convolutional()
    pruned = prune_module(module, sparsity=0.5, granularity=granularity, example_input=images())
    expected = answers(pruned, images())
    assert (answers(copy.deepcopy(pruned), images()) == expected).all()
    assert (answers(pickle.loads(pickle.dumps(pruned)), images()) == expected).all()
    other = copy.deepcopy(pruned)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    other.load_state_dict(pruned.state_dict())
    assert (answers(other, images()) == expected).all()
    exported = torch.export.export(copy.deepcopy(pruned).eval(), (images(),)).module()
    np.testing.assert_allclose(exported(images()).detach().numpy(), expected, atol=1e-5)
    assert pruned.state_dict().keys() == module.state_dict().keys()
    assert not any(layer._forward_pre_hooks for layer in pruned.modules())


def places_of(small, whole):
    """Return which rows of `whole` the rows of `small` are, by their first columns."""
    same = (small[:, None, : small.shape[1]] == whole[None, :, : small.shape[1]]).all(axis=2)
    assert (same.sum(axis=1) == 1).all()
    return same.argmax(axis=1)


@pytest.mark.parametrize("allocation", ["global", "uniform"])
@pytest.mark.parametrize("granularity", UNITS)
def test_without_repair_it_is_the_dense_module_without_what_left(granularity, allocation):
    module = convolutional()
    options = {"granularity": granularity, "allocation": allocation, "reconstruct": False}
    pruned = prune_module(module, sparsity=0.6, example_input=images(), **options)
    silent = copy.deepcopy(module)
    kept = np.arange(2)
    triples = zip(layers_of(pruned), layers_of(module), layers_of(silent), strict=True)
    for small, whole, quiet in triples:
        W = whole.weight.detach()
        each = W.shape[1] // {8: 8, 2: 2, 48: 12, 10: 10}[W.shape[1]]
        inputs = (kept[:, None] * each + np.arange(each)).ravel()
        absent = np.setdiff1d(np.arange(W.shape[1]), inputs)
        with torch.no_grad():
            quiet.weight[:, absent] = 0
        part = W[:, inputs].reshape(len(W), -1).numpy()
        kept = places_of(small.weight.detach().reshape(len(small.weight), -1).numpy(), part)
    assert n_weights(pruned) <= 0.4 * n_weights(module)
    np.testing.assert_allclose(answers(pruned, images()), answers(silent, images()), atol=1e-5)


@pytest.mark.parametrize("granularity", UNITS)
def test_no_more_units_go_than_the_sparsity_asks_for(granularity):
    module = perceptron()
    pruned = prune_module(
        module, sparsity=0.5, granularity=granularity, example_input=rows(), reconstruct=False
    )
    left = n_weights(pruned) / n_weights(module)
    # The largest unit: of the first layer, with what it reads and what reads it.
    assert 0.5 - (12 + 8) / n_weights(module) < left <= 0.5


def test_channels_that_others_tell_cost_nothing():
    module = perceptron()
    with torch.no_grad():
        module[0].weight[8:], module[0].bias[8:] = 2 * module[0].weight[:8], 2 * module[0].bias[:8]
        module[2].weight[4:], module[2].bias[4:] = 3 * module[2].weight[:4], 3 * module[2].bias[:4]
    left = (12 * 8 + 8 * 4 + 4 * 3) / n_weights(module)
    options = {"granularity": "channel", "allocation": "global", "example_input": rows(400)}
    pruned = prune_module(module, sparsity=1 - left, **options)
    assert [layer.out_features for layer in layers_of(pruned)] == [8, 4, 3]
    # Only damping stands between them.
    error = np.abs(answers(pruned, rows()) - answers(module, rows())).max()
    assert error < 0.05 * np.abs(answers(module, rows())).max()


def test_two_of_four_stay_along_the_inputs():
    pruned = prune_module(convolutional(), sparsity=0.5, granularity="2:4", example_input=images())
    _, conv, *linear = layers_of(pruned)
    assert n_kept(pruned) == n_weights(pruned) // 2
    along = [conv.weight.permute(0, 2, 3, 1), *(layer.weight for layer in linear)]
    for weight in along:
        whole = weight.shape[-1] - weight.shape[-1] % 4
        groups = (weight[..., :whole] != 0).reshape(-1, 4).sum(dim=1)
        assert groups.max() <= 2


def test_granularities_and_criteria_may_be_objects():
    pruned = prune_module(
        perceptron(),
        sparsity=0.5,
        granularity=Blocks((4, 4)),
        criterion=Magnitude(),
        example_input=rows(),
    )
    blocks = (pruned[0].weight != 0).reshape(4, 4, 3, 4).permute(0, 2, 1, 3).reshape(12, 16)
    assert set(blocks.sum(dim=1).tolist()) <= {0, 16}


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_every_criterion_works_on_convolutions(criterion):
    module, labels = convolutional(), torch.arange(60) % 3
    pruned = prune_module(
        module,
        sparsity=0.5,
        criterion=criterion,
        allocation="erk",
        example_input=images(),
        target=labels,
    )
    assert n_kept(pruned) == pytest.approx(0.5 * n_weights(module), abs=2)


@pytest.mark.parametrize("targets", ["labels", "numbers"])
def test_gradients_are_those_of_single_samples(targets):
    from sparsekit.pruning._torch._chain import read_chain
    from sparsekit.pruning._torch._layers import as_matrix
    from sparsekit.pruning._torch._scores import measure_gradients

    module, x = convolutional().eval(), images(7)
    labelled = targets == "labels"
    y = torch.arange(7) % 3 if labelled else torch.randn(7, 3)
    loss = nn.functional.cross_entropy if labelled else nn.functional.mse_loss
    slopes, squares = measure_gradients(module, read_chain(module), x, y, None)
    for k, layer in enumerate(layers_of(module)):
        single = []
        for i in range(7):
            value = loss(module(x[i : i + 1]), y[i : i + 1])
            single.append(as_matrix(torch.autograd.grad(value, layer.weight)[0]))
        np.testing.assert_allclose(slopes[k], np.mean(single, axis=0), atol=1e-5)
        np.testing.assert_allclose(squares[k], np.mean(np.square(single), axis=0), atol=1e-5)


class OwnCode(nn.Module):
    """The chain of `perceptron`, called by code of its own."""

    def __init__(self):
        super().__init__()
        self.last, self.first, self.middle = (nn.Linear(*n) for n in ((8, 3), (12, 16), (16, 8)))

    def forward(self, x):
        x = nn.functional.relu(self.first(x.flatten(1)))
        return self.last(nn.functional.dropout(self.middle(x).relu(), 0.5, self.training))


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_a_module_of_own_code_is_followed(granularity):
    chain, own = perceptron(), OwnCode()
    named = {"first": chain[0], "middle": chain[2], "last": chain[4]}
    for name, layer in named.items():
        own.get_submodule(name).load_state_dict(layer.state_dict())
    options = {"sparsity": 0.5, "granularity": granularity, "example_input": rows()}
    np.testing.assert_allclose(
        answers(prune_module(own, **options), rows()),
        answers(prune_module(chain, **options), rows()),
        atol=1e-5,
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_types_modes_and_frozen_parameters_stay(dtype):
    module = convolutional().to(dtype)
    module[1].eval()
    module[2].requires_grad_(False)
    for granularity in ("weight", "filter"):
        pruned = prune_module(module, sparsity=0.5, granularity=granularity, example_input=images())
        pairs = list(zip(pruned.modules(), module.modules(), strict=True))
        assert [a.training for a, _ in pairs] == [b.training for _, b in pairs]
        for (name, a), (same, b) in zip(
            pruned.named_parameters(), module.named_parameters(), strict=True
        ):
            assert (name, a.dtype, a.requires_grad) == (same, b.dtype, b.requires_grad)


def test_a_smaller_module_can_be_trained():
    pruned = prune_module(
        convolutional(), sparsity=0.6, granularity="channel", example_input=images()
    )
    optimizer = torch.optim.SGD(pruned.parameters(), 0.05)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(pruned(images()), torch.arange(60) % 3)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_wide_layers_have_their_bias_repaired(monkeypatch):
    from sparsekit.pruning._torch import _moments

    monkeypatch.setattr(_moments, "MOST_INPUTS", 13)
    module, x = perceptron(), rows(300)
    plain = prune_module(module, sparsity=0.5, example_input=x, reconstruct=False)
    pruned = prune_module(module, sparsity=0.5, example_input=x)
    assert not torch.equal(pruned[0].weight, plain[0].weight)
    assert torch.equal(pruned[2].weight, plain[2].weight)
    with torch.no_grad():
        found, wanted = pruned[:3](x).mean(dim=0), module[:3](x).mean(dim=0)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_some_patches_stand_for_all(monkeypatch):
    from sparsekit.pruning._torch import _chain, _moments

    module, x = convolutional(), images(200)
    every = prune_module(module, sparsity=0.5, example_input=x)
    monkeypatch.setattr(_chain, "CHUNK_NUMBERS", 1 << 16)
    chunked = prune_module(module, sparsity=0.5, example_input=x)
    np.testing.assert_allclose(answers(chunked, x), answers(every, x), atol=1e-3)
    monkeypatch.setattr(_moments, "MOST_ROWS", 2000)
    some = [prune_module(module, sparsity=0.5, example_input=x) for _ in range(2)]
    assert (answers(some[0], x) == answers(some[1], x)).all()
    near = np.square(answers(some[0], x) - answers(every, x)).mean()
    plain = prune_module(module, sparsity=0.5, example_input=x, reconstruct=False)
    assert near < 0.1 * np.square(answers(plain, x) - answers(every, x)).mean()


def test_weights_compete_as_those_of_a_perceptron_do():
    module = perceptron()
    weights = [layer.weight.detach().numpy().T for layer in layers_of(module)]
    scores = [lamp_scores(W) for W in weights]
    masks = build_masks(scores, Weights(), "global", 0.7)
    pruned = prune_module(module, sparsity=0.7, reconstruct=False)
    for layer, W, mask in zip(layers_of(pruned), weights, masks, strict=True):
        np.testing.assert_array_equal(layer.weight.detach().numpy().T, np.where(mask, W, 0))


@pytest.fixture(scope="module")
def digits():
    """A trained network of convolutions, the rows it knows and those it does not."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X = torch.tensor(X[order] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    y = torch.tensor(y[order])
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    for _ in range(8):
        for rows in torch.arange(1200).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(X[rows]), y[rows]).backward()
            optimizer.step()
    return module, X[:1200], X[1200:], y[1200:]


@pytest.mark.parametrize(
    ("granularity", "sparsity", "points"),
    [("weight", 0.9, 2), ("weight", 0.5, 1), ("2:4", 0.5, 1), ("filter", 0.6, 3)]
    + [("channel", 0.6, 3)],
)
def test_digits_are_told_apart_without_gradients(digits, granularity, sparsity, points):
    module, X, X_test, y_test = digits
    pruned = prune_module(module, sparsity=sparsity, granularity=granularity, example_input=X[:400])
    scores = [
        100 * (answers(model, X_test).argmax(axis=1) == y_test.numpy()).mean()
        for model in (module, pruned)
    ]
    assert scores[0] > 96
    assert scores[1] >= scores[0] - points
