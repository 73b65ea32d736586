"""The data: image patches and atoms, TF-IDF of reviews, plain numbers; formulas where no files are.

Real data come from the folder ``shared`` beside the repository. Every source says whether it is
real or synthetic, and the report repeats that.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

from benchmarks._coding_rows import Row
from benchmarks._problems import SHARED, load_problem

SEED = 20240607
N_HELD_OUT = 2000
N_WORDS = 10_000
IMAGES = SHARED / "test_images"


@dataclass(frozen=True)
class Signals:
    """Signals to code or to learn from, with atoms to begin with.

    Parameters
    ----------
    X : ndarray of shape (n_signals, n_features), C order
    D : ndarray of shape (n_atoms, n_features), C order
        Signals that are not in `X`, scaled to length one.
    held_out : ndarray of shape (n_held_out, n_features)
        Signals that are neither.
    source : str
    """

    X: np.ndarray
    D: np.ndarray
    held_out: np.ndarray
    source: str

    def head(self, n_signals: int) -> "Signals":
        """Return the same with the first signals only."""
        return replace(self, X=self.X[:n_signals])


@dataclass(frozen=True)
class Table:
    """A matrix to factorise, with a start for both factors.

    Parameters
    ----------
    X : csr_matrix or ndarray of shape (n_samples, n_features)
    W, H : ndarray or None
        Where the factorisation begins, (n_samples, n_components) and (n_components, n_features).
    source : str
    """

    X: np.ndarray | sparse.csr_matrix
    W: np.ndarray | None
    H: np.ndarray | None
    source: str

    def head(self, n_samples: int) -> "Table":
        """Return the same with the first rows only."""
        return replace(self, X=self.X[:n_samples], W=None if self.W is None else self.W[:n_samples])


def load_images(tiny: bool = False) -> tuple[list[np.ndarray], str]:
    """Return grey images with values between 0 and 1, and where they are from."""
    paths = [] if tiny else sorted(IMAGES.glob("*.png"))
    if not paths:
        return [_made_image(number, 64 if tiny else 512) for number in range(4)], (
            "synthetic images: edges and textures by formula"
        )
    try:
        from PIL import Image
    except ImportError:
        return [_made_image(number, 512) for number in range(4)], (
            "synthetic images: edges and textures by formula (Pillow is absent)"
        )
    images = [np.asarray(Image.open(path).convert("L"), dtype=np.float64) / 255 for path in paths]
    return images, f"real: {len(images)} test images"


def _made_image(number, side):
    """Return smooth regions with sharp edges, two gratings and fine noise."""
    rng = np.random.default_rng([SEED, number])
    y, x = np.mgrid[0:side, 0:side] / side
    image = np.zeros((side, side))
    for _ in range(30):
        angle, offset, height = rng.uniform(0, np.pi), rng.uniform(0, 1), rng.normal(0, 0.15)
        image += height * (np.cos(angle) * x + np.sin(angle) * y > offset)
    for _ in range(2):
        (u, v), phase = rng.normal(0, side / 12, 2), rng.uniform(0, 6)
        image += 0.08 * np.sin(2 * np.pi * (u * x + v * y) + phase) * (x + y > rng.uniform(0.5, 1))
    image += 0.02 * rng.standard_normal(image.shape)
    return (image - image.min()) / (image.max() - image.min())


def load_patches(n_patches: int, side: int = 8, tiny: bool = False) -> tuple[np.ndarray, str]:
    """Return patches of all images, each less its mean, in random order.

    Parameters
    ----------
    n_patches : int
        Distinct as long as there are so many.
    side : int, default=8
        Rows and columns of a patch.
    tiny : bool, default=False
        Take them from small synthetic images.

    Returns
    -------
    X : ndarray of shape (n_patches, side * side)
    source : str
    """
    images, source = load_images(tiny)
    windows = [sliding_window_view(image, (side, side)) for image in images]
    counts = [view.shape[0] * view.shape[1] for view in windows]
    starts = np.cumsum([0, *counts])
    rng = np.random.default_rng(SEED)
    chosen = rng.choice(starts[-1], n_patches, replace=n_patches > starts[-1])
    X = np.empty((n_patches, side * side))
    for view, start, stop in zip(windows, starts[:-1], starts[1:], strict=True):
        mine = np.flatnonzero((chosen >= start) & (chosen < stop))
        i, j = np.divmod(chosen[mine] - start, view.shape[1])
        X[mine] = view[i, j].reshape(len(mine), -1)
    X -= X.mean(axis=1, keepdims=True)
    return X, f"{source}, {side}x{side} patches less their mean"


def load_signals(row: Row, tiny: bool = False) -> Signals:
    """Return `row.n_signals` patches, atoms that are patches too, and patches held out."""
    n_held_out = 100 if tiny else N_HELD_OUT
    # Half of the spare ones are flatter than the median and make no atoms.
    n_spare = 2 * row.n_atoms + 1
    patches, source = load_patches(row.n_signals + n_held_out + n_spare, tiny=tiny)
    patches = patches.astype(row.dtype)
    X, held_out, spare = np.split(patches, [row.n_signals, row.n_signals + n_held_out])
    lengths = np.linalg.norm(spare, axis=1)
    atoms = np.argsort(-lengths, kind="stable")[: row.n_atoms]
    D = spare[atoms] / lengths[atoms, None]
    return Signals(np.ascontiguousarray(X), np.ascontiguousarray(D), held_out, source)


def load_text(row: Row, tiny: bool = False) -> Table:
    """Return TF-IDF of documents, commonest words only, and a positive start for both factors."""
    case = load_problem("text", tiny)
    frequency = np.diff(case.X.indptr)
    words = np.sort(np.argsort(-frequency, kind="stable")[:N_WORDS])
    X = sparse.csr_matrix(case.X[:, words], dtype=row.dtype)
    X.sort_indices()
    rng = np.random.default_rng(SEED)
    scale = np.sqrt(X.mean() / row.n_atoms)
    W = scale * np.abs(rng.standard_normal((X.shape[0], row.n_atoms)))
    H = scale * np.abs(rng.standard_normal((row.n_atoms, X.shape[1])))
    source = f"{case.source}, {X.shape[0]} x {X.shape[1]}, {X.nnz / X.shape[0]:.0f} stored per row"
    return Table(X, W.astype(row.dtype), H.astype(row.dtype), source)


def load_wide_patches(row: Row, tiny: bool = False) -> Table:
    """Return 12 x 12 patches for sparse principal components."""
    X, source = load_patches(row.n_signals, side=6 if tiny else 12, tiny=tiny)
    return Table(np.ascontiguousarray(X, dtype=row.dtype), None, None, source)


def load_values(row: Row) -> np.ndarray:
    """Return standard normal numbers."""
    return np.random.default_rng(SEED).standard_normal(row.n_signals, dtype=row.dtype)
