"""SparseMLPClassifier: classes by a network of sparse weights."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from sparsekit._sklearn import with_callbacks
from sparsekit.pruning._sparse_mlp._estimator import CONSTRAINTS, SparseMLP
from sparsekit.pruning._trainer._targets import (
    decode_labels,
    decode_probabilities,
    describe_labels,
)


class SparseMLPClassifier(ClassifierMixin, SparseMLP):
    """Classify by a multilayer perceptron that is sparse from the first step of training on.

    Minimised is the mean cross-entropy of the labels, plus ``alpha / 2`` times the squares of the
    weights over the samples of a batch, on the weights that there are. Now and then the smallest
    leave and as many come where there were none.

    Only the weights that there are take memory, from the first step to the last: their places are
    drawn, never masked, and a layer of a million inputs is no burden at a density of a percent. All
    is computed in float32; a sparse X is read by its stored entries and never made dense.

    A weight of the first layer moves in those steps only whose batch has its input: moments, the
    clock of Adam and the L2 penalty rest meanwhile. Weights begin as Glorot and Bengio have it,
    divided by the root of the layer's density.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of each hidden layer.
    density : float, default=0.1
        Share of all weights that there are, in (0, 1]; their number never changes.
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        Of the hidden layers.
    allocation : {"erk", "uniform"}, default="erk"
        Whether the density of a layer goes with ``1 / inputs + 1 / outputs``, so that small layers
        stay denser, or is the same for all.
    rewire : {"rigl", "set"} or None, default="rigl"
        Where weights come when the smallest leave: where the slopes of the last batch are steepest,
        or anywhere. None keeps the weights that were drawn at first.
    rewire_fraction : float, default=0.3
        Share of a layer's weights that are exchanged the first time, in (0, 1); it falls to zero
        by half a cosine.
    rewire_interval : int, default=100
        Steps from one exchange to the next.
    rewire_until : float, default=0.75
        Share of the steps of `max_iter` epochs after which nothing is exchanged, in (0, 1].
    solver : {"adam", "sgd"}, default="adam"
        What makes a step of a gradient.
    alpha : float, default=0.0001
        Strength of the L2 penalty; as in scikit-learn, divided by the samples of a batch.
    batch_size : int or "auto", default="auto"
        Samples of a batch; "auto" is 200, or all if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive", "cosine"}, default="constant"
        How the rate of "sgd" goes on: as in scikit-learn, or to zero by half a cosine.
    learning_rate_init : float, default=0.001
        The first rate.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Most epochs.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    random_state : int, RandomState instance or None, default=None
        Draws which weights there are, their first values, the order of samples, what grows, and
        what is held out.
    tol : float, default=1e-4
        An epoch counts as an improvement if the loss, or the validation score, gains so much.
    verbose : bool or int, default=False
        Whether to print the loss of each epoch.
    momentum : float, default=0.9
        Of "sgd", in [0, 1).
    nesterovs_momentum : bool, default=True
        Whether that is Nesterov's.
    early_stopping : bool, default=False
        Whether the fit ends by the score on samples that are held out, with the weights of the best
        epoch.
    validation_fraction : float, default=0.1
        Share of the samples that `early_stopping` holds out.
    beta_1 : float, default=0.9
        Share of the first moment that "adam" keeps, in [0, 1).
    beta_2 : float, default=0.999
        Share of the second moment that "adam" keeps, in [0, 1).
    epsilon : float, default=1e-8
        What "adam" adds to the root of the second moment.
    n_iter_no_change : int, default=10
        Epochs without improvement after which the fit ends.
    max_time : float, default=None
        Seconds after which no epoch begins; None is no limit.
    callback : callable, default=None
        Called after each epoch with a dict of `estimator`, `n_iter`, `objective`, `components` (a
        copy of `coefs_`), `elapsed` seconds and, with `early_stopping`, `validation_score`; a true
        answer ends the fit.
    n_jobs : int, default=None
        Threads; None is 1, -1 all cores. They do not change a bit of the result, and help where
        layers are wide.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    coefs_ : list of csr_array of shape (inputs, outputs)
        Weights of each layer, float32.
    intercepts_ : list of ndarray of shape (outputs,)
        Biases of each layer.
    sparsity_ : float
        Share of weights that there are not.
    loss_curve_ : list of float
        Mean loss of each epoch, each batch before its step, with the penalty.
    loss_ : float
        The last of these.
    best_loss_ : float or None
        The least of these; None with `early_stopping`.
    validation_scores_ : list of float or None
        Accuracy on what `early_stopping` holds out, epoch by epoch.
    best_validation_score_ : float or None
        The best of these.
    n_iter_ : int
        Epochs.
    t_ : int
        Samples that the fit, or `partial_fit` so far, has seen.
    n_layers_ : int
        Layers, with that of the inputs.
    n_outputs_ : int
        Outputs.
    out_activation_ : str
        Activation of the outputs.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    SparseMLPRegressor : The same for numbers.

    References
    ----------
    Evci, Gale, Menick, Castro, Elsen (2020), "Rigging the lottery: making all tickets winners".
    Mocanu, Mocanu, Stone, Nguyen, Gibescu, Liotta (2018), "Scalable training of artificial neural
    networks with adaptive sparse connectivity inspired by network science".
    Kingma, Ba (2015), "Adam: a method for stochastic optimization".
    Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks".

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsekit.pruning import SparseMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SparseMLPClassifier((64,), density=0.2, learning_rate_init=0.01, random_state=0)
    >>> bool(model.fit(X[:1200] / 16, y[:1200]).score(X[1200:] / 16, y[1200:]) > 0.9)
    True
    >>> round(model.sparsity_, 2)
    0.8
    """

    _parameter_constraints: dict[str, list] = CONSTRAINTS

    def __init__(
        self, hidden_layer_sizes=(100,), density=0.1, activation="relu", *, allocation="erk",
        rewire="rigl", rewire_fraction=0.3, rewire_interval=100, rewire_until=0.75, solver="adam",
        alpha=0.0001, batch_size="auto", learning_rate="constant", learning_rate_init=0.001,
        power_t=0.5, max_iter=200, shuffle=True, random_state=None, tol=1e-4, verbose=False,
        momentum=0.9, nesterovs_momentum=True, early_stopping=False, validation_fraction=0.1,
        beta_1=0.9, beta_2=0.999, epsilon=1e-8, n_iter_no_change=10, max_time=None, callback=None,
        n_jobs=None,
    ):  # fmt: skip
        self.hidden_layer_sizes = hidden_layer_sizes
        self.density = density
        self.activation = activation
        self.allocation = allocation
        self.rewire = rewire
        self.rewire_fraction = rewire_fraction
        self.rewire_interval = rewire_interval
        self.rewire_until = rewire_until
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_time = max_time
        self.callback = callback
        self.n_jobs = n_jobs

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a network from scratch.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples, best scaled to about one.
        y : array-like of shape (n_samples,) or indicator of shape (n_samples, n_labels)
            Labels, or which of several a sample has; an indicator may be sparse.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples in the loss.

        Returns
        -------
        self : object
            The fitted model.
        """
        return self._fit(X, y, sample_weight)

    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go on for one epoch over these samples; the first time, begin.

        The moments of the steps stay with the model for the next call.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples, best scaled to about one.
        y : array-like of shape (n_samples,) or indicator of shape (n_samples, n_labels)
            Labels, or which of several a sample has.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples in the loss.
        classes : array-like of shape (n_classes,), default=None
            All labels that there will be; needed at the first call, unless y is an indicator.

        Returns
        -------
        self : object
            The fitted model.
        """
        if hasattr(self, "coefs_") and classes is not None:
            if not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"`classes` is {classes!r}, but the model knows {self.classes_.tolist()!r}. "
                    "Pass the same classes, or fit anew."
                )
        return self._fit(X, y, sample_weight, classes, one_epoch=True)

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The most probable labels, or an indicator.
        """
        return decode_labels(self, self._check_and_answer(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Of each label, in the dtype of X.
        """
        return decode_probabilities(self._check_and_answer(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Of each label, in the dtype of X.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _describe(self, y: Any, classes: Any, one_epoch: bool) -> None:
        """Set what the labels say of the outputs."""
        several = type_of_target(y) == "multilabel-indicator"
        if one_epoch and not several and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit, as later samples may "
                "have labels that these have not."
            )
        described = y if classes is None or several else column_or_1d(classes)
        self.classes_, self.out_activation_, self.n_outputs_ = describe_labels(described)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
