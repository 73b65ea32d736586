"""What a scorer wants beside the test part, as scikit-learn's metadata routing asks for it."""

from dataclasses import dataclass, replace
from typing import Any, Self

from sklearn.utils.metadata_routing import MetadataRequest


@dataclass(frozen=True, kw_only=True)
class RoutedScorer:
    """A scorer that says which metadata it wants.

    Parameters
    ----------
    requests : tuple of (str, bool, str or None)
        Names, and whether they are wanted, or under which other name; None is an error if a search
        is given them, so that none is left out unseen.
    """

    requests: tuple[tuple[str, bool | str | None], ...] = (("row_features", None),)

    def set_score_request(self, **requests: bool | str | None) -> Self:
        """Return a scorer that wants, or does not want, what is named.

        Parameters
        ----------
        **requests : dict
            For a name, such as `row_features`, True, False or the name that the search has for it.

        Returns
        -------
        scorer : RoutedScorer
            Another one; this stays as it is.
        """
        return replace(self, requests=tuple((dict(self.requests) | requests).items()))

    def get_metadata_routing(self) -> Any:
        """Return the requests as scikit-learn reads them.

        Returns
        -------
        routing : MetadataRequest
            Of the method `score`.
        """
        routing = MetadataRequest(owner=self)
        for name, alias in self.requests:
            routing.score.add_request(param=name, alias=alias)
        return routing
