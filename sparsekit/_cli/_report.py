"""The demo's tables."""

from collections.abc import Iterable
from textwrap import fill

import numpy as np

from sparsekit._cli._spam import Curve, Path, Quality


def curve_table(alphas: np.ndarray, path: Path, curve: Curve) -> str:
    """Return one line per alpha, as glmnet prints a path, with the chosen ones marked."""
    marks = {curve.best: "min", curve.one_se: "1-SE"}
    if curve.best == curve.one_se:
        marks = {curve.best: "min, 1-SE"}
    lines = [f"{'alpha':>10}{'non-zeros':>12}{'log loss':>12}{'std. error':>12}"]
    columns = zip(alphas, path.n_nonzero, curve.mean, curve.standard_error)
    for place, (alpha, n_nonzero, mean, error) in enumerate(columns):
        line = f"{alpha:>10.2e}{n_nonzero:>12}{mean:>12.4f}{error:>12.4f}  {marks.get(place, '')}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def word_list(words: np.ndarray, coef: np.ndarray) -> str:
    """Return the words of positive and of negative coefficient, the largest first."""
    order = np.argsort(-np.abs(coef), kind="stable")
    sides = {
        "for spam (+)": [j for j in order if coef[j] > 0],
        "against it (-)": [j for j in order if coef[j] < 0],
    }
    return "\n".join(_side(name, words[chosen], coef[chosen]) for name, chosen in sides.items())


def _side(name: str, words: np.ndarray, coef: np.ndarray) -> str:
    """Return the words of one sign with their coefficients, as a paragraph."""
    # Joined by a no-break space, a word and its coefficient stay on one line.
    pairs = [f"{word}\N{NO-BREAK SPACE}{value:+.2g}" for word, value in zip(words, coef)]
    text = f"{name}: {', '.join(pairs) or 'none'}"
    lines = fill(text, 96, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ")


def quality_table(qualities: Iterable[Quality]) -> str:
    """Return one line per model."""
    lines = [f"{'':44}{'words':>8}{'accuracy':>10}{'F1':>8}"]
    lines += [f"  {q.name:42}{q.n_words:>8}{q.accuracy:>10.4f}{q.f1:>8.4f}" for q in qualities]
    return "\n".join(lines)
