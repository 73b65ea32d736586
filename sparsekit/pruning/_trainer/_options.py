"""How a network is trained: scikit-learn's parameters, and a few of our own."""

from dataclasses import dataclass, replace
from typing import Any

# Parameters that mean the same in scikit-learn's networks.
SHARED = (
    "learning_rate_init",
    "power_t",
    "momentum",
    "nesterovs_momentum",
    "beta_1",
    "beta_2",
    "epsilon",
    "alpha",
    "batch_size",
    "shuffle",
    "early_stopping",
    "validation_fraction",
    "n_iter_no_change",
    "tol",
)
LARGEST_AUTO_BATCH = 200


@dataclass(frozen=True)
class TrainingOptions:
    """Options of `train`; those that scikit-learn's networks have mean the same here.

    Parameters
    ----------
    epochs : int
        How often the data are read, at most.
    solver : {"adam", "sgd"}
        What makes a step of a gradient.
    learning_rate : {"constant", "cosine", "invscaling", "adaptive"}
        How the rate goes on from `learning_rate_init`; "cosine" falls to zero at the last step.
    warm_up : float
        Share of the steps in which the rate rises to where it would be; in [0, 1).
    cool_down : float
        Share of the steps, the last ones, in which "cosine" falls; in [0, 1].
    clip_norm : float or None
        Longest gradient, of all layers together, before it is shortened to that.
    l1 : float
        Strength of a penalty on absolute values, or on the norms of groups times the root of their
        size. The objective is the mean loss plus `l1` times these.
    distill : float
        Share of the teacher's answers in what is learned, in [0, 1].
    temperature : float
        What the logarithms of probabilities are divided by before those of teacher and network are
        compared.
    learning_rate_init, power_t, momentum, nesterovs_momentum, beta_1, beta_2, epsilon : float
        As in scikit-learn.
    alpha, batch_size, shuffle, tol, n_iter_no_change : object
        As in scikit-learn.
    early_stopping, validation_fraction : object
        As in scikit-learn.
    """

    epochs: int = 200
    solver: str = "adam"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    warm_up: float = 0.0
    cool_down: float = 0.25
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    shuffle: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: float = 10
    tol: float = 1e-4
    clip_norm: float | None = None
    l1: float = 0.0
    distill: float = 0.0
    temperature: float = 2.0

    def batch_rows(self, n_samples: int) -> int:
        """Return the rows of a batch."""
        if self.batch_size == "auto":
            return min(LARGEST_AUTO_BATCH, n_samples)
        return min(int(self.batch_size), n_samples)


def options_of(estimator: Any, **changes: Any) -> TrainingOptions:
    """Return the options that an estimator's parameters ask for, with changes.

    A solver other than "sgd" becomes "adam": "lbfgs" knows neither batches nor masks. As in
    scikit-learn, the parameter `learning_rate` is read with "sgd" only.
    """
    parameters = estimator.get_params(deep=False)
    found = {name: parameters[name] for name in SHARED if name in parameters}
    found["epochs"] = parameters.get("max_iter", TrainingOptions.epochs)
    found["solver"] = "sgd" if parameters.get("solver") == "sgd" else "adam"
    if found["solver"] == "sgd":
        found["learning_rate"] = parameters.get("learning_rate", TrainingOptions.learning_rate)
    return replace(TrainingOptions(**found), **changes)
