"""Denoising of signals and images: their wavelet coefficients shrunk by any rule and shape."""

from numbers import Integral as AnyInteger
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from sparsekit._sklearn import Integral, Interval, Real, StrOptions
from sparsekit._validation import check_parameters, check_rows, unchanged_on_error
from sparsekit._validation._arrays import refuse_foreign, working_dtypes
from sparsekit.thresholding._noise import NOISE
from sparsekit.thresholding._rules import RULE_CONSTRAINTS, RuleOptions, check_own_parameters
from sparsekit.thresholding._wavelet_shrink import Shrinkage, denoise_signals
from sparsekit.thresholding._wavelet_transform import (
    MODES,
    WaveletTransform,
    choose_n_levels,
    find_wavelet,
)


class WaveletShrinkage(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Remove noise from signals or images by shrinking their wavelet coefficients.

    Every row of X is a signal, or an image written row by row, and is denoised for itself: it is
    split into bands of details, level by level; the noise is estimated from the details; the rule
    chooses a threshold for each band; the shape shrinks the details; and the signal is put
    together again. The coarse approximation stays. Nothing is learned in `fit` but the number of
    features and of levels, so that rows of a test set never meet those of the training set.

    Needs PyWavelets: ``pip install "sparsekit[wavelet]"``.

    Parameters
    ----------
    wavelet : str, default="sym8"
        One of PyWavelets' discrete wavelets, ``pywt.wavelist(kind="discrete")``. Long symmetric
        filters suit smooth signals, "haar" steps.
    rule : {"universal", "minimax", "sure", "hybrid", "bayes", "ebayes", "fdr", "top_k", \
            "quantile", "energy", "fixed"}, default="sure"
        How the threshold of a band is chosen; see :func:`choose_threshold`.
    shape : {"soft", "hard", "firm", "garrote"}, default="soft"
        How values are shrunk, see :func:`soft`, :func:`hard`, :func:`firm` and :func:`garrote`.
    threshold : float, default=None
        The threshold of ``rule="fixed"``, in the units of X; non-negative.
    noise : {"mad_zero", "mad", "std"} or float, default="mad_zero"
        The standard deviation of the noise, in the units of X, or how to estimate it for each
        row; see :func:`estimate_noise`. Details have mean zero, which "mad_zero" knows.
    noise_band : {"finest", "each", "all"}, default="finest"
        The details from which noise is estimated: the finest ones (of images the diagonal ones),
        which is right for white noise; those of each band for itself, for noise that is
        correlated from sample to sample; or those of all levels together.
    by_level : bool, default=True
        Whether each level (each of the three bands of an image's level) has its own threshold,
        or all share one, chosen from all details together.
    n_levels : int, default=None
        How often the signals are split. None goes down to where the approximation is no longer
        than the filter, at least once. The most is as often as the shortest side can be halved.
    mode : str, default="symmetric"
        How a signal goes on beyond its ends, one of ``pywt.Modes.modes``. "periodization" makes
        the transform orthogonal, and suits a signal whose ends meet.
    n_shifts : int, default=1
        Cycle spinning: the mean of the results for the signal shifted by 0 to ``n_shifts - 1``
        samples; of an image for every pair of such shifts, so ``n_shifts**2`` transforms. The
        mean has fewer artefacts near edges; more than ``2**n_levels_`` shifts add little. In the
        modes "periodic" and "periodization" a shift runs round; in the others it puts a mirror
        image in front.
    image_shape : tuple of int, default=None
        Height and width, whose product is the number of features, if the rows of X are images.
    n_nonzero_coefs : int, default=None
        Number of details that ``rule="top_k"`` keeps, in each band if `by_level`.
    fdr_level : float, default=0.05
        Share of false discoveries that ``rule="fdr"`` allows, in (0, 1).
    quantile : float, default=0.9
        Share of the details that ``rule="quantile"`` sets to zero, in [0, 1).
    energy : float, default=0.95
        Share of the squared norm of the details that ``rule="energy"`` keeps, in (0, 1].
    prior : {"laplace", "cauchy"}, default="laplace"
        Prior of ``rule="ebayes"``.
    prior_scale : float, default=0.5
        Rate of the Laplace prior, positive; None estimates it.
    firm_ratio : float, default=2.0
        Upper threshold of ``shape="firm"`` divided by the lower; at least 1.

    Attributes
    ----------
    n_levels_ : int
        How often the signals are split.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names.

    See Also
    --------
    denoise : The same for one signal or image.
    Thresholder : Thresholds for values that are sparse as they are.

    References
    ----------
    Donoho, Johnstone (1994), "Ideal spatial adaptation by wavelet shrinkage".

    Donoho, Johnstone (1995), "Adapting to unknown smoothness via wavelet shrinkage".

    Chang, Yu, Vetterli (2000), "Adaptive wavelet thresholding for image denoising and compression".

    Coifman, Donoho (1995), "Translation-invariant de-noising".

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.thresholding import WaveletShrinkage
    >>> rng = np.random.default_rng(0)
    >>> clean = np.tile(np.sin(np.linspace(0.0, 6.0, 256)), (10, 1))
    >>> X = clean + 0.3 * rng.standard_normal(clean.shape)
    >>> denoised = WaveletShrinkage().fit_transform(X)
    >>> [round(float(np.mean((rows - clean) ** 2)), 2) for rows in (X, denoised)]
    [0.09, 0.01]
    """

    _parameter_constraints: dict = {
        **RULE_CONSTRAINTS,
        "wavelet": [str],
        "threshold": [Interval(Real, 0, None, closed="left"), None],
        "noise": [StrOptions(set(NOISE)), Interval(Real, 0, None, closed="left")],
        "noise_band": [StrOptions({"finest", "each", "all"})],
        "by_level": ["boolean"],
        "n_levels": [Interval(Integral, 1, None, closed="left"), None],
        "mode": [StrOptions(set(MODES))],
        "n_shifts": [Interval(Integral, 1, None, closed="left")],
        "image_shape": ["array-like", None],
        "firm_ratio": [Interval(Real, 1, None, closed="left")],
    }

    def __init__(
        self,
        wavelet: str = "sym8",
        *,
        rule: str = "sure",
        shape: str = "soft",
        threshold: float | None = None,
        noise: str | float = "mad_zero",
        noise_band: str = "finest",
        by_level: bool = True,
        n_levels: int | None = None,
        mode: str = "symmetric",
        n_shifts: int = 1,
        image_shape: tuple[int, int] | None = None,
        n_nonzero_coefs: int | None = None,
        fdr_level: float = 0.05,
        quantile: float = 0.9,
        energy: float = 0.95,
        prior: str = "laplace",
        prior_scale: float | None = 0.5,
        firm_ratio: float = 2.0,
    ):
        self.wavelet = wavelet
        self.rule = rule
        self.shape = shape
        self.threshold = threshold
        self.noise = noise
        self.noise_band = noise_band
        self.by_level = by_level
        self.n_levels = n_levels
        self.mode = mode
        self.n_shifts = n_shifts
        self.image_shape = image_shape
        self.n_nonzero_coefs = n_nonzero_coefs
        self.fdr_level = fdr_level
        self.quantile = quantile
        self.energy = energy
        self.prior = prior
        self.prior_scale = prior_scale
        self.firm_ratio = firm_ratio

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters against the number of features; nothing else is learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Signals or flattened images, dense and finite.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        check_parameters(self)
        own = {"threshold": self.threshold, "n_nonzero_coefs": self.n_nonzero_coefs}
        check_own_parameters(self.rule, own)
        if self.noise_band == "each" and not self.by_level:
            raise ValueError(
                "noise_band='each' needs by_level=True: bands whose noise differs have no common "
                "threshold. Take noise_band='all', or by_level=True."
            )
        filters = find_wavelet(self.wavelet)
        with unchanged_on_error(self):
            X = check_rows(self, X, reset=True, accept_sparse=False)
            self.n_levels_ = choose_n_levels(self.n_levels, self._signal_shape(X), filters)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return every row with less noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Signals or flattened images, dense and finite.

        Returns
        -------
        denoised : ndarray of shape (n_samples, n_features)
            In float32 if X is, else in float64.
        """
        check_is_fitted(self)
        check_parameters(self)
        X = check_rows(self, X, reset=False, accept_sparse=False)
        shape = self._signal_shape(X)
        transform = WaveletTransform(self.wavelet, self.mode, self.n_levels_, len(shape))
        signals = X.reshape(len(X), *shape)
        return denoise_signals(signals, transform, self._shrinkage(), self.n_shifts).reshape(
            X.shape
        )

    def _shrinkage(self) -> Shrinkage:
        """Return what becomes of the details."""
        options = RuleOptions(
            threshold=self.threshold,
            n_nonzero_coefs=self.n_nonzero_coefs,
            fdr_level=self.fdr_level,
            quantile=self.quantile,
            energy=self.energy,
            prior=self.prior,
            prior_scale=self.prior_scale,
            keeps_equal=self.shape == "hard",
        )
        noise = {"noise": self.noise, "noise_band": self.noise_band}
        return Shrinkage(
            self.rule, options, self.shape, self.firm_ratio, **noise, by_level=self.by_level
        )

    def _signal_shape(self, X: np.ndarray) -> tuple[int, ...]:
        """Return the shape of what a row of X holds."""
        if self.image_shape is None:
            return (X.shape[1],)
        shape = tuple(self.image_shape)
        if len(shape) != 2 or not all(isinstance(n, AnyInteger) and n >= 1 for n in shape):
            raise ValueError(
                f"`image_shape` must be two positive integers, height and width; got {shape!r}."
            )
        if shape[0] * shape[1] != X.shape[1]:
            raise ValueError(
                f"image_shape={shape} makes {shape[0] * shape[1]} pixels, but X has {X.shape[1]} "
                "features. Pass the height and width of the images that the rows of X hold."
            )
        return int(shape[0]), int(shape[1])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def denoise(
    x: ArrayLike,
    wavelet: str = "sym8",
    *,
    rule: str = "sure",
    shape: str = "soft",
    noise: str | float = "mad_zero",
    n_shifts: int = 1,
    **options: Any,
) -> np.ndarray:
    """Remove noise from a signal or an image by shrinking its wavelet coefficients.

    Needs PyWavelets: ``pip install "sparsekit[wavelet]"``.

    Parameters
    ----------
    x : array-like of shape (n_samples,) or (height, width)
        A signal or a grey image, finite. For many of them at once use :class:`WaveletShrinkage`.
    wavelet : str, default="sym8"
        One of PyWavelets' discrete wavelets, ``pywt.wavelist(kind="discrete")``.
    rule : str, default="sure"
        How the threshold of a band is chosen; see :func:`choose_threshold`.
    shape : {"soft", "hard", "firm", "garrote"}, default="soft"
        How values are shrunk.
    noise : {"mad_zero", "mad", "std"} or float, default="mad_zero"
        The standard deviation of the noise, in the units of `x`, or how to estimate it.
    n_shifts : int, default=1
        Shifts to average over; of an image in both directions, so ``n_shifts**2`` transforms.
    **options : dict
        Other parameters of :class:`WaveletShrinkage`, but not `image_shape`.

    Returns
    -------
    denoised : ndarray of the shape of `x`
        In float32 if x is, else in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.thresholding import denoise
    >>> clean = np.repeat([0.0, 4.0, -1.0, 2.0], 64)
    >>> noisy = clean + np.random.default_rng(0).standard_normal(256)
    >>> denoised = denoise(noisy, "haar", n_shifts=8)
    >>> [round(float(np.mean((x - clean) ** 2)), 1) for x in (noisy, denoised)]
    [1.0, 0.2]
    """
    refuse_foreign(x, "x")
    loose = {"ensure_2d": False, "allow_nd": True, "estimator": "denoise", "input_name": "x"}
    x = check_array(x, dtype=working_dtypes(x), **loose)
    if x.ndim not in (1, 2):
        raise ValueError(
            f"`x` must be a signal or a grey image, of one or two dimensions; got shape {x.shape}. "
            "Denoise the channels of a colour image one by one."
        )
    model = WaveletShrinkage(
        wavelet,
        rule=rule,
        shape=shape,
        noise=noise,
        n_shifts=n_shifts,
        image_shape=x.shape if x.ndim == 2 else None,
        **options,
    )
    return model.fit_transform(x.reshape(1, -1)).reshape(x.shape)
