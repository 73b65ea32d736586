"""MLPPruner: a scikit-learn network without most of its weights, run by compiled kernels."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_consistent_length, validate_data

from sparsekit._sklearn import HasMethods, Integral, Interval, NullCallbackContext, Real, StrOptions
from sparsekit._validation import (
    check_parameters,
    check_rows,
    check_sample_weight,
    unchanged_on_error,
)
from sparsekit._validation._arrays import refuse_range
from sparsekit._watch import Watch
from sparsekit.pruning._allocation import ALLOCATIONS
from sparsekit.pruning._criteria import CRITERIA
from sparsekit.pruning._engine import CompiledMLP
from sparsekit.pruning._masks import shares_removed
from sparsekit.pruning._network import as_float32, empty_shell
from sparsekit.pruning._pruner._choices import GRANULARITIES, inner_network
from sparsekit.pruning._pruner._fitting import Data, Outcome, run_fit
from sparsekit.pruning._pruner._pruned import PrunedNetwork, classifies, has_network
from sparsekit.pruning._pruner._report import Facts, PruningReport, measure_facts
from sparsekit.pruning._schedules import SCHEDULES


class MLPPruner(
    PrunedNetwork,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    MetaEstimatorMixin,
    BaseEstimator,
):
    """Remove weights of a multilayer perceptron, keep its accuracy, and run what is left fast.

    `fit` trains a clone of the network, or takes one that is fitted in a `FrozenEstimator`; removes
    the weights that matter least; repairs each layer by least squares, so that its sums on the
    training data come as near as they can to those of the dense network; trains what is left for
    some epochs if asked to; and compiles the result. `predict` and `transform` run compiled sparse
    kernels in float32.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or FrozenEstimator of one
        The network, which is not changed. A frozen one must be fitted.
    sparsity : float, dict or "auto", default=0.9
        Share of the weights to remove, in [0, 1); biases are kept. A dict gives it by layer, with
        the layers that it does not name left dense. "auto" removes as many as `max_score_drop`
        allows.
    max_score_drop : float, default=0.01
        How much of the score on held-out samples `sparsity="auto"` may lose, in units of accuracy
        or of R2, before fine-tuning; not negative.
    criterion : str or object, default="lamp"
        How much a weight matters: "magnitude", "lamp", "gradient", "taylor", "fisher", "activation"
        (Wanda), "obs" (as in SparseGPT), "movement", "adam" (``w**2 * sqrt(v)`` with Adam's second
        moment, the best in schedules that train), "random", or an object with ``score(network, X,
        Y)``, such as `Lamp`. With `reconstruct`, "lamp" and "obs" settle how many weights each
        layer keeps, and least squares which; ``Lamp(reselect=False)`` settles both.
    granularity : str or object, default="weight"
        What is removed as one: "weight", "block" of `block_shape`, "n:m" (at most 2 of 4 along the
        inputs stay; `NofM` for others), "neuron" (which makes the network smaller), or an object,
        such as `Blocks`.
    block_shape : (int, int), default=(4, 4)
        Inputs and outputs of the blocks of ``granularity="block"``. Where they do not divide a
        layer's, the last blocks are smaller.
    allocation : {"global", "erk", "uniform", "auto"}, default="global"
        How the weights that stay are shared out: all layers compete; by the layers' shapes (Erdos-
        Renyi kernel), which keeps small layers denser; the same share in each; or by how much the
        outputs change with each layer pruned and repaired by itself. Neurons and n:m know "global"
        and "uniform" only.
    schedule : str or object, default="one-shot"
        How fast weights go: "one-shot"; "iterative", in five steps with repair and training after
        each; "cubic", while the network is trained; "rigl" and "set", at once, with weights
        replaced while what is left is trained; or an object, such as `Cubic`.
    reconstruct : bool, default=True
        Whether layers are repaired by least squares after weights are removed. Schedules that
        remove weights in training repair by training alone.
    fine_tune_epochs : int, default=0
        Epochs of training with the masks held in every step, by Adam or SGD with the network's own
        parameters ("lbfgs" knows no masks: Adam takes over), a learning rate that falls to zero in
        the last quarter, and gradients no longer than 5.
    distill : float, default=0.0
        Share of the dense network's answers in what fine-tuning learns, in [0, 1]; helps on noisy
        targets.
    l1 : float, default=0.0
        Strength of an L1 penalty, of the norms of units with a coarser `granularity`, in a training
        of the dense network that takes half of `fine_tune_epochs` before weights are removed.
    quantize : {"int8", "float16"}, default=None
        Whether compiled weights are stored in fewer bits. "int8" also computes in integers, with
        scales from the training data; "float16" computes in float32.
    validation_fraction : float, default=0.1
        Share of the samples held out for ``sparsity="auto"``; in (0, 1). The network is trained on
        the others.
    max_time : float, default=None
        Seconds after which fine-tuning ends; positive.
    callback : callable, default=None
        Called after every epoch of fine-tuning with a dict of "estimator", "n_iter", "objective",
        "components" (a copy of the weights) and "elapsed" (seconds); a true answer ends it.
    verbose : bool or int, default=False
        Whether to print the loss of every epoch of fine-tuning.
    random_state : int, RandomState instance or None, default=None
        Chance of the fine-tuning and of what is held out, and of a network whose own
        `random_state` is None.
    n_jobs : int, default=None
        Threads of the repair and of predictions; None is 1, -1 all cores. Results do not depend on
        it.

    Attributes
    ----------
    estimator_ : MLPClassifier or MLPRegressor
        A working scikit-learn network with the pruned weights, made anew at each access.
    compiled_ : CompiledMLP
        What predictions run; see its `save` and `to_onnx`.
    masks_ : list of ndarray of bool of shape (inputs, outputs)
        Which weights of the dense network are kept, layer by layer. A weight that is kept may be
        zero: training may leave it there.
    held_out_ : bool
        Whether scores are of samples that were held out, as ``sparsity="auto"`` does.
    sparsity_ : float
        Share of the weights that were removed.
    sensitivity_ : dict
        "sparsity", (levels,); "score" and "change", (layers, levels): the score with only one layer
        pruned, and the mean square by which outputs change. That layer is repaired by least squares
        with ``allocation="auto"``, else not. On the held-out samples, or on some of the training
        samples where none are held out.
    report_ : PruningReport
        Bytes, operations, scores and measured milliseconds of the dense and the compiled network;
        measured when it is first asked for.
    loss_curve_ : list of float
        Mean loss of each epoch of fine-tuning.
    classes_ : ndarray of shape (n_classes,)
        Labels, of a classifier.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    compile_mlp : Compiled inference of a network as it is.
    SparseMLPClassifier : A network that is never dense.

    Notes
    -----
    The pickle of a fitted pruner holds the compiled weights only. A frozen network that it was
    given is left out: to fit again, pass the network anew.

    References
    ----------
    Lee, Park, Mo, Ahn, Shin (2021), "Layer-adaptive sparsity for the magnitude-based pruning".
    Dong, Chen, Pan (2017), "Learning to prune deep neural networks via layer-wise optimal brain
    surgeon".

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neural_network import MLPClassifier
    >>> from sparsekit.pruning import MLPPruner
    >>> X, y = load_digits(return_X_y=True)
    >>> network = MLPClassifier((64, 32), max_iter=30, tol=1.0, random_state=0)
    >>> pruner = MLPPruner(network, sparsity=0.8).fit(X / 16, y)
    >>> round(pruner.sparsity_, 3)
    0.8
    """

    _parameter_constraints: dict[str, list] = {
        "estimator": [HasMethods("fit")],
        "sparsity": [Interval(Real, 0, 1, closed="left"), dict, StrOptions({"auto"})],
        "max_score_drop": [Interval(Real, 0, None, closed="left")],
        "criterion": [StrOptions(set(CRITERIA)), HasMethods("score")],
        "granularity": [
            StrOptions({"block", *GRANULARITIES}),
            HasMethods(["units", "sizes", "spread"]),
        ],
        "block_shape": ["array-like"],
        "allocation": [StrOptions(set(ALLOCATIONS))],
        "schedule": [StrOptions(set(SCHEDULES)), HasMethods("steps")],
        "reconstruct": ["boolean"],
        "fine_tune_epochs": [Interval(Integral, 0, None, closed="left")],
        "distill": [Interval(Real, 0, 1, closed="both")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "quantize": [StrOptions({"int8", "float16"}), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "callback": [callable, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        sparsity: float | dict[int, float] | str = 0.9,
        max_score_drop: float = 0.01,
        criterion: Any = "lamp",
        granularity: Any = "weight",
        block_shape: tuple[int, int] = (4, 4),
        allocation: str = "global",
        schedule: Any = "one-shot",
        reconstruct: bool = True,
        fine_tune_epochs: int = 0,
        distill: float = 0.0,
        l1: float = 0.0,
        quantize: str | None = None,
        validation_fraction: float = 0.1,
        max_time: float | None = None,
        callback: Any = None,
        verbose: bool | int = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ):
        self.estimator = estimator
        self.sparsity = sparsity
        self.max_score_drop = max_score_drop
        self.criterion = criterion
        self.granularity = granularity
        self.block_shape = block_shape
        self.allocation = allocation
        self.schedule = schedule
        self.reconstruct = reconstruct
        self.fine_tune_epochs = fine_tune_epochs
        self.distill = distill
        self.l1 = l1
        self.quantize = quantize
        self.validation_fraction = validation_fraction
        self.max_time = max_time
        self.callback = callback
        self.verbose = verbose
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train or take the network, and prune it.

        Parameters
        ----------
        X : {array-like, sparse matrix, sparse array} of shape (n_samples, n_features)
            Training data; with a frozen network, the data that it is repaired and judged on.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; needs networks that take them (scikit-learn 1.7).

        Returns
        -------
        self : object
            The fitted pruner.

        Raises
        ------
        TypeError
            If `estimator` is no multilayer perceptron.
        ValueError
            If parameters do not go together, or too few samples are held out.
        NotFittedError
            If the frozen network is not fitted.
        """
        check_parameters(self)
        with unchanged_on_error(self):
            data = self._check_data(X, y, sample_weight)
            self._keep(run_fit(self, data, Watch(self, NullCallbackContext(), {})), data)
        return self

    def _check_data(self, X: Any, y: Any, sample_weight: Any) -> Data:
        """Return what a fit is given, as it computes with it."""
        inner_network(self.estimator)
        # Of y first: what is read off X stays.
        y = validate_data(
            self, X="no_validation", y=y, multi_output=True, y_numeric=not classifies(self)
        )
        rows = check_rows(self, X, reset=True)
        check_consistent_length(rows, y)
        weight = check_sample_weight(sample_weight, rows.shape[0])
        X = as_float32(rows)
        refuse_range(X.data if sparse.issparse(X) else X, "X", self)
        return Data(rows, X, y, weight)

    def _keep(self, outcome: Outcome, data: Data) -> None:
        """Store what a fit found."""
        fitted, network = outcome.fitted, outcome.pruned.network
        self._shell = empty_shell(fitted)
        vars(self._shell).pop("feature_names_in_", None)
        if hasattr(self, "feature_names_in_"):
            self._shell.feature_names_in_ = self.feature_names_in_
        self._dtype = fitted.coefs_[0].dtype.str
        self.compiled_ = CompiledMLP.from_weights(
            network.weights,
            network.biases,
            activation=network.activation,
            out_activation=network.out_activation,
            quantize=self.quantize,
            calibration_data=data.X if self.quantize == "int8" else None,
            n_jobs=self.n_jobs,
        )
        self._packed_masks = [(mask.shape, np.packbits(mask)) for mask in outcome.pruned.masks]
        self.sparsity_ = shares_removed(outcome.pruned.masks)
        self.sensitivity_ = outcome.sensitivity
        self.held_out_ = outcome.held_out
        self.loss_curve_ = outcome.pruned.loss_curve
        vars(self).pop("classes_", None)
        if hasattr(fitted, "classes_"):
            self.classes_ = fitted.classes_
        self._facts: Facts = measure_facts(outcome, self.compiled_)
        self._report: PruningReport | None = None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not has_network(self):
            return tags
        inner = get_tags(inner_network(self.estimator))
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.target_tags, tags.input_tags = inner.target_tags, inner.input_tags
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.non_deterministic = inner.non_deterministic
        return tags
