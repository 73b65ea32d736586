"""What one stored entry contributes to the squared loss of its row and of its column."""

from typing import NamedTuple

from sparsekit._compile import protocol, record


@protocol
def entry_curvature(self, x, w):
    """Return half the second derivative of the entry's loss in the prediction."""


@protocol
def entry_pull(self, x, w, offset):
    """Return minus half the derivative at a prediction of zero."""


@protocol
def entry_constant(self, x, w, offset):
    """Return the loss at a prediction of zero."""


@record
class Ratings(NamedTuple):
    """Observations: an entry of weight w costs ``w * (x - mean - offset - prediction)**2``.

    Attributes
    ----------
    mean : float
        What every prediction starts from.
    """

    mean: float = 0.0

    def entry_curvature(self, x, w):
        """Return w."""
        return w

    def entry_pull(self, x, w, offset):
        """Return w times what is left to predict."""
        return w * (x - self.mean - offset)

    def entry_constant(self, x, w, offset):
        """Return w times its square."""
        return w * (x - self.mean - offset) * (x - self.mean - offset)


@record
class Confidences(NamedTuple):
    """Implicit feedback: an entry costs ``w * (unobserved + scale * x) * (1 - prediction)**2``.

    All other entries cost ``w * unobserved * prediction**2``. That quadratic form is the same for
    every row and is not the business of an entry, which adds the difference.

    Attributes
    ----------
    scale : float
        Confidence of a stored one.
    unobserved : float
        Confidence of entries that are not stored.
    """

    scale: float = 1.0
    unobserved: float = 1.0

    def entry_curvature(self, x, w):
        """Return the confidence above that of an entry that is not stored."""
        return w * (self.scale * x)

    def entry_pull(self, x, w, offset):
        """Return the confidence: what is to be predicted is one."""
        return w * (self.unobserved + self.scale * x)

    def entry_constant(self, x, w, offset):
        """Return the confidence."""
        return w * (self.unobserved + self.scale * x)
