"""The SMS Spam Collection: real text that needs no network."""

import gzip
from importlib.resources import files
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sparsekit._sklearn import validate_parameter_constraints

TARGET_NAMES = ("ham", "spam")


def load_sms_spam(*, return_X_y: bool = False) -> Any:
    """Load the SMS Spam Collection, 5574 text messages in two classes.

    The texts are shipped inside the package, under the Creative Commons Attribution 4.0
    licence; `DESCR` holds the attribution.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return `(data, target)` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (5574,), dtype object
            The messages, each a `str`, in the order of the original file. 403 of them repeat an
            earlier one, label included.
        target : ndarray of shape (5574,), dtype int64
            0 for a legitimate message (4827 of them), 1 for spam (747).
        target_names : ndarray of shape (2,)
            `["ham", "spam"]`.
        DESCR : str
            Origin, licence and citation.

    (data, target) : tuple if `return_X_y` is True
        The first two attributes.

    References
    ----------
    Almeida, Hidalgo (2011), "SMS Spam Collection", UCI Machine Learning Repository,
    https://doi.org/10.24432/C5CC84.

    Almeida, Gómez Hidalgo, Yamakami (2011), "Contributions to the Study of SMS Spam Filtering: New
    Collection and Results".

    Examples
    --------
    >>> from sparsekit.datasets import load_sms_spam
    >>> sms = load_sms_spam()
    >>> sms.data[1], str(sms.target_names[sms.target[1]])
    ('Ok lar... Joking wif u oni...', 'ham')
    """
    validate_parameter_constraints(
        {"return_X_y": ["boolean"]}, {"return_X_y": return_X_y}, "load_sms_spam"
    )
    folder = files("sparsekit.datasets") / "data"
    packed = (folder / "sms_spam.tsv.gz").read_bytes()
    # str.splitlines would also break at the stray control characters inside messages.
    lines = gzip.decompress(packed).decode("utf-8").rstrip("\n").split("\n")
    labels, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    data = np.array(texts, dtype=object)
    target = np.array([TARGET_NAMES.index(label) for label in labels], dtype=np.int64)
    if return_X_y:
        return data, target
    description = (folder / "sms_spam.rst").read_text(encoding="utf-8")
    names = np.array(TARGET_NAMES)
    return Bunch(data=data, target=target, target_names=names, DESCR=description)
