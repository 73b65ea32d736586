"""What users hand over, checked once: models, weights and rows."""

import numpy as np
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from sparsekit.pruning._engine._layers import Layer, layer_of

NEEDED = ("coefs_", "intercepts_", "activation", "out_activation_")


def read_model(model):
    """Return the weights, biases and names of activations of a fitted model."""
    if isinstance(model, FrozenEstimator):
        model = model.estimator
    if not hasattr(model, "coefs_") and hasattr(type(model), "estimator_"):
        # A pruner, whose network is made of packed weights.
        check_is_fitted(model)
        model = model.estimator_
    missing = [name for name in NEEDED if not hasattr(model, name)]
    if not missing:
        return tuple(getattr(model, name) for name in NEEDED)
    if hasattr(model, "fit") and hasattr(model, "hidden_layer_sizes"):
        raise NotFittedError(
            f"This {type(model).__name__} is not fitted yet. Call `fit` before `compile_mlp`."
        )
    raise TypeError(
        f"`model` must be a fitted multilayer perceptron with {', '.join(NEEDED)}; this "
        f"{type(model).__name__} has no {missing[0]!r}. Weights without a model go to "
        "`CompiledMLP.from_weights`."
    )


def read_layers(coefs, intercepts) -> list[Layer]:
    """Return the canonical layers of weights and biases, checked."""
    coefs, intercepts = list(coefs), list(intercepts)
    if not coefs or len(coefs) != len(intercepts):
        raise ValueError(
            "`coefs` and `intercepts` must have one entry for each of the layers, at least one; "
            f"got {len(coefs)} and {len(intercepts)}."
        )
    layers = []
    for number, (weights, bias) in enumerate(zip(coefs, intercepts, strict=True)):
        weights = weights if sparse.issparse(weights) else np.asarray(weights)
        bias = np.asarray(bias)
        check_layer(number, weights, bias, layers[-1].n_outputs if layers else None)
        layers.append(layer_of(weights, bias))
        check_finite(number, layers[-1])
    return layers


def check_layer(number, weights, bias, n_before):
    """Raise for weights and biases that do not fit together, or what comes before."""
    if any(array.dtype.kind not in "biuf" for array in (weights, bias)):
        raise ValueError(
            f"Weights and biases must be real numbers; layer {number} has {weights.dtype} and "
            f"{bias.dtype}."
        )
    if weights.ndim != 2 or 0 in weights.shape:
        raise ValueError(
            f"`coefs[{number}]` must have two axes, (inputs, outputs), of at least 1; got shape "
            f"{weights.shape}."
        )
    if bias.shape != weights.shape[1:]:
        raise ValueError(
            f"`intercepts[{number}]` must have shape {weights.shape[1:]}, as `coefs[{number}]` has "
            f"shape {weights.shape}; got {bias.shape}."
        )
    if n_before is not None and weights.shape[0] != n_before:
        raise ValueError(
            f"`coefs[{number}]` must have {n_before} inputs, as layer {number - 1} has so many "
            f"outputs; got shape {weights.shape}."
        )


def check_finite(number, layer):
    """Raise for weights that are NaN or too large for float32."""
    for name, array in (("coefs", layer.values), ("intercepts", layer.bias)):
        if not np.isfinite(array).all():
            raise ValueError(
                f"`{name}[{number}]` has NaN, infinity or numbers beyond float32. Train the "
                "network anew, with a smaller `learning_rate_init` if it diverged."
            )


def own_rows(X):
    """Return X as a writable array in C order.

    Kernels are compiled for arrays that may be written to; a second edition would take seconds.
    """
    return np.require(X, dtype=np.float32, requirements="CW")


def as_rows(X, n_inputs, name="X"):
    """Return X as float32 rows in C order, or as CSR."""
    if type(X) is np.ndarray and X.dtype == np.float32 and X.ndim == 2:
        rows = X if X.flags.c_contiguous and X.flags.writeable else own_rows(X)
    elif sparse.issparse(X):
        rows = X.tocsr()
        rows = rows.astype(np.float32, copy=False)
    else:
        rows = own_rows(X)
    if rows.ndim != 2 or rows.shape[1] != n_inputs:
        raise ValueError(
            f"`{name}` must have shape (batch, {n_inputs}); got {np.shape(X)}. "
            "A single sample is `x.reshape(1, -1)`."
        )
    return rows
