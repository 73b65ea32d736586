"""What `prune_module` does not take, and what it says: the name of what is in the way."""

import importlib

import pytest

from sparsekit.pruning._torch._module import prune_module

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra torch)")
nn = torch.nn

SILENT = {"reconstruct": False}


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.last(x + self.first(x))


class TwoHeads(Residual):
    def forward(self, x):
        x = self.first(x)
        return self.last(x), x


class Joined(Residual):
    def forward(self, x):
        return self.last(torch.cat([x[:, :2], self.first(x)[:, 2:]], dim=1))


class TwoInputs(Residual):
    def forward(self, x, z):
        return self.last(self.first(x) + z)


class Depends(Residual):
    def forward(self, x):
        return self.last(self.first(x) if x.sum() > 0 else x)


class Parameter(Residual):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.last(self.first(x) * self.scale)


def shared():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def tied():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    module[2].weight = module[0].weight
    return module


def masked():
    prune = importlib.import_module("torch.nn.utils.prune")
    module = nn.Sequential(nn.Linear(4, 4))
    prune.l1_unstructured(module[0], "weight", 0.5)
    return module


def normed():
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)))


def broken():
    module = nn.Sequential(nn.ReLU(), nn.Linear(4, 4))
    nn.init.constant_(module[1].weight, float("nan"))
    return module


NO_CHAINS = {
    "residual": (Residual, "'add' takes .*'first'"),
    "two heads": (TwoHeads, "several outputs"),
    "joined": (Joined, "'getitem'"),
    "two inputs": (TwoInputs, "TwoInputs must take one tensor"),
    "depends": (Depends, "Depends cannot be followed.*nn.Sequential"),
    "parameter": (Parameter, "'scale'"),
    "shared": (shared, "'0' shares its weights"),
    "tied": (tied, "'2' shares its weights"),
    "recurrent": (lambda: nn.Sequential(nn.Linear(4, 4), nn.LSTM(4, 4)), "'1' is LSTM"),
    "nested": (lambda: nn.Sequential(nn.Sequential(nn.GroupNorm(2, 4))), "'0.0' is GroupNorm"),
    "grouped": (lambda: nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)), "'0' .* groups=2"),
    "masked": (masked, "weight of '0' is not a parameter of its own.*prune.remove"),
    "normed": (normed, "weight of '0.*remove_parametrizations"),
    "no weights": (lambda: nn.Sequential(nn.ReLU()), "no Linear or Conv2d"),
    "NaN": (broken, "'1' hold NaN"),
}


@pytest.mark.parametrize("name", NO_CHAINS)
def test_what_is_no_chain_is_refused_by_name(name):
    build, message = NO_CHAINS[name]
    with pytest.raises(ValueError, match=message):
        prune_module(build(), **SILENT)


def test_a_lone_masked_layer_is_refused_too():
    with pytest.raises(ValueError, match="weight of 'Linear'"):
        prune_module(masked()[0], **SILENT)
    lone = prune_module(nn.Linear(4, 5), sparsity=0.5, **SILENT)
    assert int((lone.weight != 0).sum()) == 10


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match="torch.nn.Module; got list"):
        prune_module([1, 2])


NO_CHANNELS = {
    "not flattened": (
        nn.Sequential(nn.Conv2d(2, 6, 3), nn.Linear(6, 3)),
        "'1' reads 6 numbers.*Flatten from dimension 1",
    ),
    "flattened otherwise": (
        nn.Sequential(nn.Conv2d(2, 6, 3), nn.Flatten(2), nn.Linear(36, 3)),
        "'2' reads 36 numbers, which are not the 6 outputs of '0'",
    ),
    "softmax": (
        nn.Sequential(nn.Linear(8, 4), nn.Softmax(dim=1), nn.Linear(4, 2)),
        "Between '0' and '2' a softmax",
    ),
    "sequence": (
        nn.Sequential(nn.Linear(8, 4), nn.Flatten(), nn.Linear(20, 2)),
        "'2' reads 20 numbers",
    ),
}


@pytest.mark.parametrize("name", NO_CHANNELS)
def test_channels_that_cannot_be_told_apart_are_not_removed(name):
    module, message = NO_CHANNELS[name]
    with pytest.raises(ValueError, match=message):
        prune_module(module, granularity="filter", **SILENT)
    prune_module(module, granularity="weight", sparsity=0.5, **SILENT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sparsity": 1.0}, r"\[0, 1\); got 1.0"),
        ({"sparsity": "auto"}, "got 'auto'"),
        ({"sparsity": True}, "got True"),
        ({"criterion": "wanda"}, "'activation'.*got 'wanda'"),
        ({"criterion": 3}, "method `score`"),
        ({"granularity": "row"}, "'channel'.*got 'row'"),
        ({"allocation": "auto"}, "got 'auto'"),
        ({"allocation": "erk", "granularity": "filter"}, "with granularity='filter'"),
        ({"granularity": "channel"}, "Pass `example_input`"),
        ({"criterion": "obs"}, "Pass `example_input`"),
        ({"criterion": "fisher"}, "Pass `example_input` and `target`"),
        ({"criterion": "fisher", "example_input": torch.ones(5, 4)}, "and `target`"),
        ({"example_input": torch.ones(5, 4), "target": torch.ones(4)}, "entry for each sample"),
        ({"target": torch.ones(4)}, "entry for each sample"),
        ({"example_input": torch.tensor([[1.0, float("nan"), 0, 0]])}, "NaN or infinity"),
        ({"example_input": torch.ones(4)}, "batch of samples"),
    ],
)
def test_options_that_do_not_suit_are_refused(options, message):
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(ValueError, match=message):
        prune_module(module, **SILENT | options)


def test_without_samples_it_says_that_nothing_is_repaired():
    module = nn.Sequential(nn.Linear(4, 4))
    with pytest.warns(UserWarning, match="not repaired"):
        prune_module(module, sparsity=0.5)


def test_a_sparsity_out_of_reach_is_said():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    with pytest.warns(UserWarning, match="sparsity is 0.750.*cannot be reached"):
        pruned = prune_module(module, sparsity=0.9, granularity="filter", **SILENT)
    assert pruned[0].weight.shape == (1, 4)


def test_a_layer_left_empty_keeps_its_best_weight():
    module = nn.Sequential(nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 2))
    with torch.no_grad():
        module[2].weight.mul_(1e-6)
    with pytest.warns(UserWarning, match="Layer 1 would lose all"):
        pruned = prune_module(module, sparsity=0.9, criterion="magnitude", **SILENT)
    assert int((pruned[2].weight != 0).sum()) == 1
