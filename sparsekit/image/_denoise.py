"""Denoising by codes of overlapping patches."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sparsekit._parallel import run_tasks, single_blas_thread
from sparsekit._sklearn import Interval, StrOptions, validate_parameter_constraints
from sparsekit._validation import check_array_parameter
from sparsekit.coding import Atoms, OrthogonalPursuit, encode
from sparsekit.coding._encode import squared_lengths
from sparsekit.coding._residuals import squared_residuals
from sparsekit.decomposition._dictionary._batch import UPDATES
from sparsekit.decomposition._dictionary._learner import Learning
from sparsekit.decomposition._dictionary._resample import replace_atoms
from sparsekit.decomposition._dictionary._update import AtomSet
from sparsekit.image._cosines import cosine_dictionary
from sparsekit.image._grid import PatchGrid, check_finite_image, paste_patches
from sparsekit.image._noise import estimate_sigma
from sparsekit.image._patches import choose_places

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_BLEND = 30.0 / 255.0  # weight of a noisy pixel, over the span of the image in units of sigma

CONSTRAINTS = {
    "sigma": [Interval(Real, 0, np.inf, closed="left"), None],
    "n_components": [Interval(Integral, 1, None, closed="left")],
    "error_gain": [Interval(Real, 0, np.inf, closed="neither")],
    "noisy_weight": [Interval(Real, 0, np.inf, closed="left"), None],
    "update": [StrOptions(set(UPDATES))],
    "max_train_patches": [Interval(Integral, 1, None, closed="left")],
    "max_iter": [Interval(Integral, 0, None, closed="left")],
}


def denoise_image(
    image: ArrayLike,
    *,
    sigma: float | None = None,
    dictionary: str | ArrayLike | BaseEstimator | None = None,
    patch_size: int | tuple[int, int] = 8,
    step: int | tuple[int, int] = 1,
    n_components: int = 256,
    update: str = "bcd",
    max_iter: int = 10,
    max_train_patches: int = 60_000,
    error_gain: float = 1.15,
    noisy_weight: float | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> np.ndarray:
    """Remove white noise from an image by sparse codes of its patches.

    Every patch, less its mean, is coded by orthogonal matching pursuit with as few atoms as bring
    the squared norm of its residual down to ``n_features * (error_gain * sigma) ** 2``, about what
    the noise has. Each pixel becomes the mean over all patches it is in, and over its noisy value
    with the weight `noisy_weight`. Unless a dictionary is given, one is learned from the patches
    of the noisy image, starting from overcomplete cosines.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, n_channels)
        The noisy image, in any units; integers are taken as numbers. A patch of an image with
        channels holds all of them.
    sigma : float, default=None
        Standard deviation of the noise, in the units of the image. If None, that of
        :func:`estimate_sigma`.
    dictionary : "dct", array-like of shape (n_components, n_features) or estimator, default=None
        The atoms: those of a fitted estimator with ``components_``, an array of them, or
        overcomplete cosines. If None, they are learned from this image.
    patch_size : int or tuple of (int, int), default=8
        Height and width of a patch.
    step : int or tuple of (int, int), default=1
        Pixels from one patch to the next; at most `patch_size`. Two take a quarter of the time
        once the atoms are known, and lose some tenths of a decibel.
    n_components : int, default=256
        Number of atoms that are learned or made.
    update : {"bcd", "ksvd", "mod"}, default="bcd"
        How :class:`~sparsekit.decomposition.DictionaryLearning` gets atoms from codes. The paper's
        is K-SVD; results differ by hundredths of a decibel, and block coordinate descent is
        faster.
    max_iter : int, default=10
        Rounds of coding and updating; the paper's number. Twice as many gain about a tenth
        of a decibel.
    max_train_patches : int, default=60000
        At most how many patches to learn from, at random.
    error_gain : float, default=1.15
        Factor of `sigma` at which codes stop; larger values smooth more.
    noisy_weight : float, default=None
        What a noisy pixel counts in its mean, where a patch counts 1. If None,
        ``30 / sigma`` for an image that spans 0 to 255, in proportion to the span of another, and
        less where `step` makes patches fewer.
    n_jobs : int, default=None
        Threads; None means 1. The result does not depend on them.
    random_state : int, RandomState instance or None, default=None
        Seed or generator for the choice of patches to learn from.

    Returns
    -------
    denoised : ndarray of the shape of `image`
        In the units of the image, not clipped to its range. float64 if the image is (or holds
        integers beyond 16 bits), else float32; computations run in float32.

    Raises
    ------
    ValueError
        If the image has no such shape or holds NaN, or the dictionary does not fit the patches.

    Notes
    -----
    The result is as sharp as `sigma` is right: half of the true value leaves noise, the double
    blurs. Noise that is not white, as after a compression to JPEG, is not removed.

    References
    ----------
    Elad, Aharon (2006), "Image denoising via sparse and redundant representations over learned
    dictionaries": the recipe and its constants.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.image import denoise_image
    >>> across = np.arange(64) * np.ones((64, 1))
    >>> clean = 100.0 * (across % 16 < 8)
    >>> noisy = clean + 20 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> denoised = denoise_image(noisy, sigma=20, dictionary="dct")
    >>> bool(np.std(denoised - clean) < 0.5 * np.std(noisy - clean))
    True
    """
    _check_options(
        sigma=sigma,
        n_components=n_components,
        update=update,
        max_iter=max_iter,
        max_train_patches=max_train_patches,
        error_gain=error_gain,
        noisy_weight=noisy_weight,
    )
    values = check_finite_image(image)
    grid, every = (PatchGrid.over(values.shape, patch_size, s) for s in (step, 1))
    if not grid.coverage.all():
        raise ValueError(f"`step` must be at most `patch_size`; got {step!r}.")
    denoiser, learner = (Denoiser(g, error_gain, n_jobs) for g in (grid, every))
    atoms = _given_atoms(dictionary, denoiser, n_components)
    sigma = estimate_sigma(values) if sigma is None else sigma
    if sigma == 0:
        return values.copy()
    # In units of the noise, so that the result does not depend on those of the image.
    center = float(values.mean(dtype=np.float64))
    noisy = ((values.reshape(grid.shape) - center) / sigma).astype(np.float32)
    if atoms is None:
        places = choose_places(every, max_train_patches, check_random_state(random_state))
        patches, _ = learner.patches(noisy, places)
        atoms = learner.learn(patches, n_components, update, max_iter)
    total = denoiser.total(noisy, atoms)
    if noisy_weight is None:
        # By as much as the step makes patches fewer, a noisy pixel counts less.
        share = grid.n_patches / every.n_patches
        noisy_weight = _BLEND * share * float(np.ptp(total / grid.coverage))
    mean = (noisy_weight * noisy + total) / (noisy_weight + grid.coverage)
    return (sigma * mean + center).astype(values.dtype).reshape(values.shape)


@dataclass(frozen=True)
class Denoiser:
    """Codes of the patches of an image in units of its noise.

    Parameters
    ----------
    grid : PatchGrid
        The patches.
    error_gain : float
        Codes stop at residuals of this size per value.
    n_jobs : int or None
        Threads.
    """

    grid: PatchGrid
    error_gain: float
    n_jobs: int | None

    @property
    def encoder(self) -> OrthogonalPursuit:
        """The pursuit that leaves the noise uncoded."""
        n_features = self.grid.n_features
        # More atoms than half as many as values would code the noise.
        return OrthogonalPursuit(max(n_features // 2, 1), tol=n_features * self.error_gain**2)

    def cosines(self, n_components: int) -> np.ndarray:
        """Return overcomplete cosines of the patches' shape."""
        n_channels = self.grid.n_channels
        height, width = self.grid.size
        shape = height, width // n_channels, n_channels
        return cosine_dictionary(n_components, shape).astype(np.float32)

    def learn(
        self, patches: np.ndarray, n_components: int, update: str, max_iter: int
    ) -> np.ndarray:
        """Return a dictionary of the patches; cosines where all of them are but noise."""
        dictionary, encoder = self.cosines(n_components), self.encoder
        if (squared_lengths(patches) <= encoder.tol).all():
            return dictionary
        # An estimator would end once residuals settle; here they do at once, and codes get shorter.
        problem = Learning(encoder, 0.0, False, AtomSet(), self.n_jobs)
        for _ in range(max_iter):
            codes = problem.encode(patches, dictionary)
            codes, _ = UPDATES[update](problem, patches, dictionary, codes)
            squares = squared_residuals(patches, codes, dictionary, n_jobs=self.n_jobs)
            dead = np.flatnonzero(np.bincount(codes.indices, minlength=len(dictionary)) == 0)
            replace_atoms(dictionary, dead, patches, squares, problem.atom_set)
        return dictionary

    def patches(self, noisy: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return patches without their means, one mean for each channel, and the means."""
        patches = self.grid.gather(noisy, places)
        pixels = patches.reshape(len(patches), -1, self.grid.n_channels)
        means = pixels.mean(axis=1, keepdims=True)
        pixels -= means
        return patches, means

    def total(self, noisy: np.ndarray, dictionary: np.ndarray) -> np.ndarray:
        """Return the sum, at each pixel, of all denoised patches it is in."""
        grid, atoms = self.grid, Atoms.from_dictionary(dictionary)
        n_columns = len(grid.lefts)
        n_rows = max(grid.batch_size // n_columns, 1)
        bands = [slice(row, row + n_rows) for row in range(0, len(grid.tops), n_rows)]

        def denoise_band(band: slice) -> np.ndarray:
            tops = grid.tops[band]
            places = np.arange(
                band.start * n_columns, band.start * n_columns + len(tops) * n_columns
            )
            patches, means = self.patches(noisy, places)
            codes = encode(patches, atoms, self.encoder)
            clean = codes @ dictionary
            clean.reshape(len(clean), -1, grid.n_channels)[:] += means
            part = np.zeros((tops[-1] - tops[0] + grid.size[0], grid.shape[1]), dtype=np.float32)
            first, left = grid.corners(places)
            paste_patches(clean, first - tops[0], left, *grid.size, part)
            return part

        with single_blas_thread():
            _ = atoms.gram  # once, before threads ask for it
            parts = run_tasks(denoise_band, bands, self.n_jobs)
        total = np.zeros(grid.shape, dtype=np.float32)
        for band, part in zip(bands, parts):
            top = grid.tops[band][0]
            total[top : top + len(part)] += part
        return total


def _check_options(**given: Any) -> None:
    """Raise InvalidParameterError for a parameter outside its constraints."""
    validate_parameter_constraints(CONSTRAINTS, given, caller_name="denoise_image")


def _given_atoms(dictionary: Any, denoiser: Denoiser, n_components: int) -> np.ndarray | None:
    """Return the atoms that were given or named; None where they are to be learned."""
    if dictionary is None:
        return None
    if isinstance(dictionary, str):
        if dictionary != "dct":
            raise ValueError(
                '`dictionary` must be "dct", an array, a fitted estimator with `components_`, or '
                f"None; got {dictionary!r}."
            )
        return denoiser.cosines(n_components)
    if isinstance(dictionary, BaseEstimator):
        check_is_fitted(dictionary)
        dictionary = getattr(dictionary, "components_", dictionary)
    atoms = check_array_parameter(dictionary, "dictionary", dtype=np.float32, order="C")
    n_features = denoiser.grid.n_features
    if atoms.shape[1] != n_features:
        raise ValueError(
            f"The atoms of `dictionary` must have {n_features} values, as many as a patch; got "
            f"{atoms.shape[1]}. Pass the `patch_size` that they were learned with."
        )
    return atoms
