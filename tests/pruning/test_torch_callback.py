"""Masks of a PyTorch module in training: held in every step, changed by schedules."""

import copy

import numpy as np
import pytest

from sparsekit.pruning._schedules import Cubic, Iterative, RigL
from sparsekit.pruning._torch._callback import PruningCallback
from sparsekit.pruning._torch._module import prune_module

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra torch)")
nn = torch.nn

N_STEPS = 40


class Branched(nn.Module):
    """Not a chain, but made of layers all the same."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.side = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 1)
        self.norm, self.last = nn.BatchNorm2d(6), nn.Linear(6, 3)

    def forward(self, x):
        x = self.conv(x)
        x = torch.relu(self.norm(x + self.side(x)))
        return self.last(x.mean(dim=(2, 3)))


@pytest.fixture
def module():
    return Branched()


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(2)
    y = torch.arange(48) % 3
    return torch.randn(48, 1, 5, 5, generator=generator) + y[:, None, None, None], y


OPTIMIZERS = {
    "adam": lambda module: torch.optim.Adam(module.parameters(), 0.01),
    "adamw": lambda module: torch.optim.AdamW(module.parameters(), 0.01, amsgrad=True),
    "sgd": lambda module: torch.optim.SGD(
        module.parameters(), 0.05, momentum=0.9, weight_decay=0.01
    ),
}


def train(module, optimizer, data, callback, n_steps=N_STEPS):
    """Yield the loss after each step."""
    X, y = data
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(X), y)
        loss.backward()
        optimizer.step()
        callback.step()
        yield loss.item()


def weights(module):
    return {name[:-7]: p for name, p in module.named_parameters() if p.dim() > 1}


def n_zero(module):
    return sum(int((weight == 0).sum()) for weight in weights(module).values())


def n_weights(module):
    return sum(weight.numel() for weight in weights(module).values())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_masked_stays_zero_and_so_do_its_moments(module, data, name):
    optimizer = OPTIMIZERS[name](module)
    callback = PruningCallback(module, optimizer, sparsity=0.6, schedule="one-shot")
    first = copy.deepcopy(callback.masks)
    losses = []
    for loss in train(module, optimizer, data, callback):
        losses.append(loss)
        for layer, weight in weights(module).items():
            assert torch.equal(weight != 0, first[layer])
            moments = [m for m in optimizer.state[weight].values() if m.shape == weight.shape]
            assert moments and all(not m[~first[layer]].any() for m in moments)
    assert n_zero(module) == n_weights(module) - round(0.4 * n_weights(module))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("criterion", ["adam", "lamp", "magnitude", "movement", "random"])
def test_a_cubic_schedule_ends_at_the_sparsity(module, data, criterion):
    optimizer = OPTIMIZERS["adam"](module)
    callback = PruningCallback(
        module, optimizer, sparsity=0.8, n_steps=N_STEPS, criterion=criterion, random_state=0
    )
    seen, masks = [], callback.masks
    for _ in train(module, optimizer, data, callback):
        seen.append(callback.sparsity_)
        assert n_zero(module) == round(callback.sparsity_ * n_weights(module))
        assert all(not (new & ~masks[name]).any() for name, new in callback.masks.items())
        masks = callback.masks
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    assert n_zero(module) == n_weights(module) - round(0.2 * n_weights(module))
    # Three quarters of the way; early steps remove more than late ones.
    assert seen[int(0.75 * N_STEPS)] == seen[-1] > seen[N_STEPS // 2]
    assert seen[N_STEPS // 4] > 0.5 * 0.8


def test_adam_knows_which_weights_are_steep():
    X, y = torch.randn(200, 8, generator=torch.Generator().manual_seed(0)), torch.zeros(200, 1)
    X[:, :4] *= 0.05
    chain = nn.Sequential(nn.Linear(8, 1))
    nn.init.constant_(chain[0].weight, 1.0)
    optimizer = torch.optim.Adam(chain.parameters(), 1e-5)
    schedule = Cubic(n_steps=1, until=1.0)
    callback = PruningCallback(
        chain, optimizer, sparsity=0.5, n_steps=150, schedule=schedule, criterion="adam"
    )
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.mse_loss(chain(X), y).backward()
        optimizer.step()
        callback.step()
    assert callback.masks["0"].tolist() == [[False] * 4 + [True] * 4]


@pytest.mark.parametrize("schedule", ["rigl", "set"])
def test_rewiring_replaces_weights_but_not_their_number(module, data, schedule):
    optimizer = OPTIMIZERS["adam"](module)
    callback = PruningCallback(
        module,
        optimizer,
        sparsity=0.6,
        n_steps=N_STEPS,
        schedule=schedule,
        allocation="erk",
        random_state=0,
    )
    first = callback.masks
    changes = 0
    for _ in train(module, optimizer, data, callback):
        before, first = first, callback.masks
        for name, mask in callback.masks.items():
            assert mask.sum() == before[name].sum()
            come = mask & ~before[name]
            changes += int(come.sum())
            assert not weights(module)[name][come].any()
    assert changes > 0


def test_rigl_grows_where_the_gradient_is_largest(module, data):
    optimizer = torch.optim.SGD(module.parameters(), 1e-3)
    schedule = RigL(fraction=0.3, n_steps=2, until=1.0)
    callback = PruningCallback(module, optimizer, sparsity=0.5, n_steps=4, schedule=schedule)
    before = callback.masks
    for _ in train(module, optimizer, data, callback, n_steps=2):
        pass
    for name, mask in callback.masks.items():
        gradient = weights(module)[name].grad.abs()
        come, absent = mask & ~before[name], ~mask & ~before[name]
        if come.any() and absent.any():
            assert gradient[come].min() >= gradient[absent].max()
    assert any(not torch.equal(before[name], callback.masks[name]) for name in before)


def test_without_a_sparsity_zeros_stay_zero(data):
    X, y = data
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(54, 3))
    pruned = prune_module(chain, sparsity=0.8, example_input=X)
    zeros = n_zero(pruned)
    optimizer = OPTIMIZERS["adam"](pruned)
    losses = list(train(pruned, optimizer, data, PruningCallback(pruned, optimizer)))
    assert n_zero(pruned) == zeros
    assert losses[-1] < losses[0]


def test_zeros_of_the_start_never_come_back(module, data):
    with torch.no_grad():
        module.side.weight[:3] = 0
        module.last.weight.zero_()
    optimizer = OPTIMIZERS["adam"](module)
    callback = PruningCallback(module, optimizer, sparsity=0.5, n_steps=N_STEPS)
    # A layer that begins at zero is not a layer that was pruned.
    assert callback.masks["last"].all()
    for _ in train(module, optimizer, data, callback):
        assert not module.side.weight[:3].any()
    assert module.last.weight.any()


def test_patterns_hold_in_training(data):
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Flatten(), nn.Linear(25, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = OPTIMIZERS["sgd"](chain)
    callback = PruningCallback(
        chain, optimizer, sparsity=0.5, schedule="one-shot", granularity="2:4"
    )
    list(train(chain, optimizer, data, callback))
    assert ((chain[3].weight != 0).reshape(-1, 4).sum(dim=1) == 2).all()


@pytest.mark.parametrize(
    ("schedule", "criterion"), [("cubic", "movement"), ("set", "lamp"), ("rigl", "lamp")]
)
def test_a_training_can_be_taken_up_again(module, data, schedule, criterion):
    def begin(module):
        optimizer = OPTIMIZERS["adam"](module)
        options = {"schedule": schedule, "criterion": criterion, "random_state": 3}
        return optimizer, PruningCallback(
            module, optimizer, sparsity=0.7, n_steps=N_STEPS, **options
        )

    optimizer, callback = begin(module)
    list(train(module, optimizer, data, callback, n_steps=15))
    saved = copy.deepcopy((module.state_dict(), optimizer.state_dict(), callback.state_dict()))
    list(train(module, optimizer, data, callback, n_steps=25))
    other = Branched()
    again, resumed = begin(other)
    for part, state in zip((other, again, resumed), saved, strict=True):
        part.load_state_dict(state)
    list(train(other, again, data, resumed, n_steps=25))
    assert resumed.n_steps_ == N_STEPS
    for name, weight in weights(module).items():
        assert torch.equal(weight, weights(other)[name])


def test_the_module_stays_an_ordinary_one(module, data):
    optimizer = OPTIMIZERS["adam"](module)
    callback = PruningCallback(module, optimizer, sparsity=0.7, n_steps=5)
    list(train(module, optimizer, data, callback, n_steps=5))
    module.eval()
    copied = copy.deepcopy(module)
    exported = torch.export.export(module, (data[0],)).module()
    with torch.no_grad():
        torch.testing.assert_close(copied(data[0]), module(data[0]))
        torch.testing.assert_close(exported(data[0]), module(data[0]))
    assert set(module.state_dict()) == set(Branched().state_dict())


def test_equal_seeds_give_equal_masks():
    found = [
        PruningCallback(
            Branched(), sparsity=0.5, schedule="one-shot", criterion="random", random_state=seed
        ).masks["conv"]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sparsity": 1.5}, "got 1.5"),
        ({"sparsity": 0.5}, "Pass `n_steps`"),
        ({"schedule": "rigl"}, "Pass `n_steps`"),
        ({"sparsity": 0.5, "n_steps": 9, "schedule": "iterative"}, "got 'iterative'"),
        ({"sparsity": 0.5, "n_steps": 9, "schedule": Iterative()}, "in_training"),
        ({"sparsity": 0.5, "n_steps": 9, "criterion": "obs"}, "reads samples"),
        ({"sparsity": 0.5, "n_steps": 9, "criterion": "wanda"}, "got 'wanda'"),
        ({"sparsity": 0.5, "n_steps": 9, "granularity": "filter"}, "got 'filter'"),
        ({"sparsity": 0.5, "schedule": "one-shot", "criterion": "movement"}, "has gathered"),
        ({"sparsity": 0.5, "schedule": "one-shot", "allocation": "auto"}, "got 'auto'"),
    ],
)
def test_options_that_do_not_suit_are_refused(module, options, message):
    with pytest.raises(ValueError, match=message):
        PruningCallback(module, **options)


def test_what_it_needs_and_does_not_find_is_said(module):
    optimizer = OPTIMIZERS["sgd"](module)
    options = {"sparsity": 0.5, "n_steps": 4, "criterion": "adam"}
    with pytest.raises(ValueError, match="second moments of Adam; got optimizer=SGD"):
        PruningCallback(module, optimizer, **options)
    callback = PruningCallback(module, optimizer, sparsity=0.5, n_steps=4, schedule=RigL(n_steps=4))
    optimizer.zero_grad()
    with pytest.raises(RuntimeError, match="before gradients are cleared"):
        for _ in range(4):
            callback.step()
    with pytest.raises(TypeError, match="got list"):
        PruningCallback([])
    with pytest.raises(ValueError, match="no Linear or Conv2d"):
        PruningCallback(nn.Sequential(nn.ReLU()))


def test_what_has_gone_counts_for_the_sparsity(module):
    with torch.no_grad():
        module.conv.weight.view(-1)[:10] = 0
    callback = PruningCallback(module, sparsity=0.3, schedule="one-shot", criterion="random")
    assert not callback.masks["conv"].view(-1)[:10].any()
    assert np.isclose(callback.sparsity_, 0.3, atol=0.01)
