"""What a fit of a pruner does: train or take a network, cut and repair it, and compile it."""

import warnings
import weakref
from collections import OrderedDict
from dataclasses import replace
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import has_fit_parameter

from sparsekit.pruning._allocation import sensitive_sparsity
from sparsekit.pruning._criteria import score_weights
from sparsekit.pruning._granularity import Neurons
from sparsekit.pruning._held_out import hold_out_rows, spread_rows
from sparsekit.pruning._network import Network, read_network
from sparsekit.pruning._pruner._choices import Choices, inner_network, read_choices
from sparsekit.pruning._pruner._judge import Judge, search_sparsity, sensitivity_curve
from sparsekit.pruning._pruner._recipe import CRITERION_SAMPLES, Pruned, Recipe, Samples
from sparsekit.pruning._repair._reconstruct import Grams, measure_grams, reconstruct
from sparsekit.pruning._trainer import encode_targets, options_of

LEAST_VALIDATION_ROWS = 10
# Rows that least squares sees; more change the third digit of a score and cost in proportion.
REPAIR_ROWS = 10_000
# Rows on which layers are judged where none are held out.
JUDGED_ROWS = 2048
REMEMBERED = 5
# What scikit-learn's networks say of Ctrl-C, after which they count as fitted.
INTERRUPTED = "Training interrupted by user"
# Of all layers together, in fine-tuning: weights that have just gone leave steep places behind.
LONGEST_GRADIENT = 5.0

# What repairs know of the rows of a frozen network's fits, for as long as the network lives.
_grams: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class Data(NamedTuple):
    """Rows in the precision that they were given in, and in that of the network."""

    given: Any
    X: Any
    y: Any
    weight: np.ndarray | None

    def rows(self, rows: np.ndarray) -> "Data":
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return Data(self.given[rows], self.X[rows], self.y[rows], weight)


class Outcome(NamedTuple):
    """What a fit found."""

    # The fitted network, of which the weights are not needed any more.
    fitted: Any
    dense: Network
    pruned: Pruned
    sensitivity: dict[str, np.ndarray]
    judge: Judge
    held_out: bool


def fit_network(pruner: Any, data: Data, seed: int) -> Any:
    """Return a fitted network: a clone trained on the data, or the frozen one as it is."""
    inner = inner_network(pruner.estimator)
    if isinstance(pruner.estimator, FrozenEstimator):
        _check_frozen(pruner, inner, data.X)
        return inner
    inner = clone(inner)
    if inner.random_state is None:
        inner.set_params(random_state=seed)
    weights = {}
    if data.weight is not None:
        if not has_fit_parameter(inner, "sample_weight"):
            raise ValueError(
                "`sample_weight` needs networks that take one, which the installed scikit-learn "
                "has not. Update scikit-learn to 1.7 or later, or leave `sample_weight` out."
            )
        weights["sample_weight"] = data.weight
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", INTERRUPTED, UserWarning)
            inner.fit(data.given, data.y, **weights)
    except UserWarning as error:
        if INTERRUPTED not in str(error):
            raise
        raise KeyboardInterrupt from error
    if hasattr(pruner, "feature_names_in_"):
        inner.feature_names_in_ = pruner.feature_names_in_
    return inner


def _check_frozen(pruner: Any, inner: Any, X: Any) -> None:
    """Refuse a frozen network that cannot be pruned."""
    if not hasattr(inner, "coefs_"):
        raise NotFittedError(
            f"The frozen {type(inner).__name__} is not fitted. Fit it before it is frozen, or pass "
            "it without FrozenEstimator, and the pruner trains it. The pickle of a fitted pruner "
            "is without it: pass the network anew."
        )
    if X.shape[1] != inner.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but the frozen {type(inner).__name__} was fitted to "
            f"{inner.n_features_in_}."
        )
    names = getattr(inner, "feature_names_in_", None)
    given = getattr(pruner, "feature_names_in_", None)
    if names is not None and given is not None and not np.array_equal(names, given):
        raise ValueError(
            "The feature names of X should match those that the frozen "
            f"{type(inner).__name__} was fitted to, in their order: {names.tolist()[:5]}, ...; got "
            f"{given.tolist()[:5]}, ..."
        )
    for layer, W in enumerate(inner.coefs_):
        largest = max(np.abs(array).max() for array in (W, inner.intercepts_[layer]))
        # NaN is not below, either.
        if not largest <= np.finfo(np.float32).max:
            raise ValueError(
                f"Layer {layer} of the frozen {type(inner).__name__} has weights that are NaN or "
                "too large for float32. Train it again, with a lower `learning_rate_init`."
            )


def run_fit(pruner: Any, data: Data, watch: Any) -> Outcome:
    """Return the pruned network and what was measured on the way."""
    seed = int(check_random_state(pruner.random_state).randint(np.iinfo(np.int32).max))
    choices = read_choices(pruner, seed)
    training, held = _hold_out(pruner, data, seed)
    fitted = fit_network(pruner, training, seed)
    dense = read_network(fitted)
    Y, loss = encode_targets(fitted, training.y)
    weight = None if training.weight is None else training.weight.astype(np.float32)
    samples = Samples(training.X, Y, weight)
    judged = held or training.rows(spread_rows(training.X.shape[0], JUDGED_ROWS))
    judge = Judge(fitted, judged.X, judged.y, judged.weight)
    recipe = _make_recipe(pruner, choices, fitted, loss, seed, watch)
    needed = recipe.reconstruct or isinstance(recipe.granularity, Neurons)
    grams = _measure(pruner, samples) if needed else None
    curve = _sensitivity(pruner, recipe, dense, samples, judge, grams)

    def prune(sparsity: float, recipe: Recipe) -> Pruned:
        shares = _allocation(pruner, choices, dense, curve, sparsity)
        return replace(recipe, allocation=shares).prune(dense, samples, sparsity, grams)

    sparsity = pruner.sparsity
    if sparsity == "auto":
        trial = recipe.without_training()
        least = curve["score"][0, 0] - pruner.max_score_drop
        sparsity = search_sparsity(lambda s: judge.score(prune(s, trial).network), least)
    elif choices.shares is not None:
        sparsity = float(np.average(choices.shares, weights=dense.sizes))
    return Outcome(fitted, dense, prune(sparsity, recipe), curve, judge, held is not None)


def _hold_out(pruner: Any, data: Data, seed: int) -> tuple[Data, Data | None]:
    """Return what to learn from, and what to judge by where something is left to judge."""
    if pruner.sparsity != "auto":
        return data, None
    n = data.X.shape[0]
    n_held = int(np.ceil(pruner.validation_fraction * n))
    if n_held < LEAST_VALIDATION_ROWS or n_held >= n:
        raise ValueError(
            f"`validation_fraction={pruner.validation_fraction!r}` of {n} samples holds out "
            f"{n_held}; sparsity='auto' needs at least {LEAST_VALIDATION_ROWS} to judge by. Pass "
            "more samples, a larger fraction, or a number for `sparsity`."
        )
    labels = np.asarray(data.y) if is_classifier(inner_network(pruner.estimator)) else None
    if labels is not None and labels.ndim > 1:
        labels = None
    kept, held = hold_out_rows(n, n_held, labels, seed)
    return data.rows(kept), data.rows(held)


def _make_recipe(
    pruner: Any, choices: Choices, fitted: Any, loss: str, seed: int, watch: Any
) -> Recipe:
    """Return the recipe that a pruner's parameters ask for."""
    options = None
    if pruner.fine_tune_epochs:
        options = options_of(
            fitted,
            epochs=pruner.fine_tune_epochs,
            learning_rate="cosine",
            tol=-np.inf,
            clip_norm=LONGEST_GRADIENT,
            distill=pruner.distill,
        )
    return Recipe(
        criterion=choices.criterion,
        granularity=choices.granularity,
        schedule=choices.schedule,
        allocation=pruner.allocation,
        reconstruct=pruner.reconstruct,
        loss=loss,
        options=options,
        l1=pruner.l1,
        seed=seed,
        watch=watch,
        n_jobs=pruner.n_jobs,
    )


def _measure(pruner: Any, samples: Samples) -> Grams:
    """Return what repairs know of the samples; a frozen network's fits share it."""
    rows = samples.rows(spread_rows(samples.X.shape[0], REPAIR_ROWS))
    if not isinstance(pruner.estimator, FrozenEstimator):
        return measure_grams(rows.X, rows.weight, n_jobs=pruner.n_jobs)
    known = _grams.setdefault(pruner.estimator.estimator, OrderedDict())
    key = _digest(rows.X, rows.weight)
    if key not in known:
        known[key] = measure_grams(rows.X, rows.weight, n_jobs=pruner.n_jobs)
        while len(known) > REMEMBERED:
            known.popitem(last=False)
    return known[key]


def _digest(X: Any, weight: np.ndarray | None) -> bytes:
    """Return a digest of rows and their weights."""
    found = blake2b(repr(X.shape).encode())
    arrays = [X.data, X.indices, X.indptr] if sparse.issparse(X) else [X]
    for array in [*arrays, *([] if weight is None else [weight])]:
        found.update(np.ascontiguousarray(array).data)
    return found.digest()


def _sensitivity(
    pruner: Any,
    recipe: Recipe,
    dense: Network,
    samples: Samples,
    judge: Judge,
    grams: Grams | None,
) -> dict[str, np.ndarray]:
    """Return the score with one layer pruned at a time; repaired, where it decides the shares."""
    some = samples.some(CRITERION_SAMPLES)
    scores = score_weights(recipe.criterion, dense, some.X, some.Y)

    def leave(network: Network, masks: list) -> Network:
        return network

    def repair(network: Network, masks: list) -> Network:
        return reconstruct(network, dense, masks, grams, n_jobs=pruner.n_jobs)

    repaired = pruner.allocation == "auto" and recipe.reconstruct
    return sensitivity_curve(
        dense, scores, recipe.granularity, judge, repair if repaired else leave
    )


def _allocation(
    pruner: Any,
    choices: Choices,
    dense: Network,
    curve: dict[str, np.ndarray],
    sparsity: float,
) -> Any:
    """Return what `build_masks` is told about layers."""
    if choices.shares is not None:
        return choices.shares
    if pruner.allocation == "auto":
        return sensitive_sparsity(curve, dense.sizes, sparsity)
    return pruner.allocation
