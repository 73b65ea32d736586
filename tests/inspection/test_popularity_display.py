"""What PopularityRecallDisplay draws are hits in groups of equally many columns."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator

from sparsekit.factorization import ImplicitFactorization
from sparsekit.inspection import PopularityRecallDisplay
from sparsekit.metrics import recall_at_k
from sparsekit.model_selection import SparseEntries, hold_out_entries


class MostEntries(BaseEstimator):
    """Recommends the columns with the most entries of the fit that a row has not seen."""

    def fit(self, X, y=None):
        self.counts_ = np.bincount(X.indices, minlength=X.shape[1])
        return self

    def recommend(self, X, n=10):
        scores = np.where(X.toarray() != 0, -1, self.counts_)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
        return order, np.take_along_axis(scores, order, axis=1)


@pytest.fixture
def plays(rng):
    return sparse.csr_array(rng.poisson(rng.gamma(0.5, size=40), (60, 40)).astype(float))


@pytest.fixture
def split(plays):
    return hold_out_entries(plays, 0.3, random_state=0)


def brute_force(hidden, recommended, popularity, n_groups):
    """Return hidden entries, recommendations and hits of each group, one by one."""
    order = np.argsort(popularity, kind="stable")
    n_columns = len(order)
    counts = np.zeros((3, n_groups), dtype=int)
    for place, column in enumerate(order.tolist()):
        group = place * n_groups // n_columns
        for row in range(hidden.shape[0]):
            is_hidden, is_given = hidden[row, column] > 0, column in recommended[row]
            counts[:, group] += is_hidden, is_given, is_hidden and is_given
    return counts


@pytest.mark.parametrize("n_groups", [1, 7, 10])
def test_counts_are_those_of_brute_force(pyplot, split, n_groups):
    kept, hidden = split
    recommended, _ = MostEntries().fit(kept).recommend(kept, n=5)
    recommended[::4, 3:] = -1
    display = PopularityRecallDisplay.from_recommendations(
        hidden, recommended, kept, n_groups=n_groups
    )
    popularity = np.bincount(kept.indices, minlength=40)
    n_relevant, n_recommended, n_found = brute_force(hidden, recommended, popularity, n_groups)
    np.testing.assert_array_equal(display.n_relevant, n_relevant)
    np.testing.assert_array_equal(display.n_recommended, n_recommended)
    np.testing.assert_array_equal(display.n_found, n_found)
    np.testing.assert_array_equal(display.line_.get_ydata(), n_found / n_relevant)
    np.testing.assert_array_equal(
        display.share_line_.get_ydata(), n_recommended / n_recommended.sum()
    )
    np.testing.assert_array_equal(display.hidden_line_.get_ydata(), n_relevant / n_relevant.sum())


def test_groups_are_of_one_size_and_told_by_their_popularity(pyplot):
    popularity = np.array([5, 0, 3, 3, 8, 1000])
    display = PopularityRecallDisplay.from_recommendations(
        np.eye(6), np.zeros((6, 1), dtype=int), popularity, n_groups=3
    )
    assert display.popularity.tolist() == [[0, 3], [3, 5], [8, 1000]]
    names = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert names == ["0–3", "3–5", "8–1,000"]
    assert display.n_relevant.tolist() == [2, 2, 2]


def test_one_group_has_the_recall_over_all_entries(pyplot, split):
    kept, hidden = split
    recommended, _ = MostEntries().fit(kept).recommend(kept, n=40)
    display = PopularityRecallDisplay.from_recommendations(hidden, recommended, kept, n_groups=1)
    assert display.recall.tolist() == [1.0] == [recall_at_k(hidden, recommended, 40)]


def test_only_the_first_k_count(pyplot, split):
    kept, hidden = split
    recommended, _ = MostEntries().fit(kept).recommend(kept, n=20)
    first = PopularityRecallDisplay.from_recommendations(hidden, recommended, kept, k=3)
    np.testing.assert_array_equal(
        first.n_found,
        PopularityRecallDisplay.from_recommendations(hidden, recommended[:, :3], kept).n_found,
    )
    assert first.n_recommended.sum() == 3 * hidden.shape[0]


def test_a_group_without_hidden_entries_has_no_recall(pyplot):
    display = PopularityRecallDisplay.from_recommendations(
        [[0, 1], [0, 1]], [[1], [0]], [1, 2], n_groups=2
    )
    np.testing.assert_array_equal(display.recall, [np.nan, 0.5])


def test_zeros_that_are_stored_are_not_hidden(pyplot):
    relevant = sparse.csr_array(([0.0, 2.0], [0, 1], [0, 2]), shape=(1, 2))
    display = PopularityRecallDisplay.from_recommendations(relevant, [[0]], [1, 2], n_groups=2)
    assert display.n_relevant.tolist() == [0, 1] and relevant.nnz == 2


def test_a_model_is_asked_about_the_rows_with_hidden_entries(pyplot, split):
    kept, hidden = split
    hidden = hidden.copy()
    hidden.data[: hidden.indptr[20]] = 0.0
    hidden.eliminate_zeros()
    model = MostEntries().fit(kept)
    display = PopularityRecallDisplay.from_estimator(model, kept, hidden, k=4)
    rows = np.flatnonzero(np.diff(hidden.indptr))
    assert len(rows) <= 40 and display.n_recommended.sum() == 4 * len(rows)
    expected = PopularityRecallDisplay.from_recommendations(
        hidden[rows], model.recommend(kept[rows], 4)[0], kept
    )
    np.testing.assert_array_equal(display.n_found, expected.n_found)
    assert display.name == "MostEntries"


def test_a_test_part_of_entries_says_what_is_known(pyplot, plays, rng):
    entries = SparseEntries(plays)
    chosen = rng.random(len(entries)) < 0.3
    test, train = entries[chosen], entries[~chosen]
    model = ImplicitFactorization(3, random_state=0).fit(train)
    by_part = PopularityRecallDisplay.from_estimator(model, test, k=5)
    by_hand = PopularityRecallDisplay.from_estimator(model, train.to_csr(), test.to_csr(), k=5)
    np.testing.assert_array_equal(by_part.n_found, by_hand.n_found)
    np.testing.assert_array_equal(by_part.popularity, by_hand.popularity)


def test_popularity_may_be_that_of_another_matrix(pyplot, split):
    kept, hidden = split
    model = MostEntries().fit(kept)
    display = PopularityRecallDisplay.from_estimator(
        model, kept, hidden, popularity=np.arange(40), n_groups=4
    )
    assert display.popularity.tolist() == [[0, 9], [10, 19], [20, 29], [30, 39]]


def test_there_may_be_fewer_columns_than_k_or_groups(pyplot):
    kept, hidden = np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0]])
    kept, hidden = sparse.csr_array(kept), sparse.csr_array(hidden)
    display = PopularityRecallDisplay.from_estimator(MostEntries().fit(kept), kept, hidden)
    assert display.recall.shape == (3,)


def test_models_are_drawn_on_the_same_axes(pyplot, split):
    kept, hidden = split
    first = PopularityRecallDisplay.from_estimator(MostEntries().fit(kept), kept, hidden, name="a")
    axes = [first.ax_, first.share_ax_]
    model = ImplicitFactorization(3, random_state=0).fit(kept)
    second = PopularityRecallDisplay.from_estimator(model, kept, hidden, name="b", ax=axes)
    assert second.figure_ is first.figure_
    assert second.hidden_line_ is first.hidden_line_
    assert second.line_.get_color() == second.share_line_.get_color() != first.line_.get_color()
    names = [text.get_text() for text in second.share_ax_.get_legend().get_texts()]
    assert names == ["a", "what is hidden", "b"]


def test_on_one_axes_recall_is_drawn_alone(pyplot, split):
    kept, hidden = split
    _, ax = pyplot.subplots()
    display = PopularityRecallDisplay.from_estimator(MostEntries().fit(kept), kept, hidden, ax=ax)
    assert display.ax_ is ax and display.share_ax_ is display.share_line_ is None


def test_recall_begins_at_zero(pyplot, split):
    kept, hidden = split
    display = PopularityRecallDisplay.from_estimator(MostEntries().fit(kept), kept, hidden)
    for ax in (display.ax_, display.share_ax_):
        assert ax.get_ylim()[0] == 0.0


def test_further_arguments_reach_matplotlib(pyplot, split):
    kept, hidden = split
    display = PopularityRecallDisplay.from_estimator(
        MostEntries().fit(kept), kept, hidden, line_kw={"color": "k", "marker": "s"}
    )
    assert display.line_.get_color() == "k" and display.share_line_.get_marker() == "s"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recommended": [[0.5], [1.0]]}, "must hold column numbers"),
        ({"recommended": [[0]]}, "each of the 2 rows"),
        ({"recommended": [[0], [3]]}, "columns from 0 to 2"),
        ({"recommended": [[0], [-2]]}, "columns from 0 to 2"),
        ({"popularity": [1, 2]}, "each of the 3 columns"),
        ({"popularity": sparse.eye_array(4)}, "each of the 3 columns"),
        ({"k": 2}, "k == 2, must be <= 1"),
        ({"n_groups": 0}, "n_groups == 0, must be >= 1"),
    ],
)
def test_what_does_not_fit_is_refused(pyplot, change, message):
    given = {
        "relevant": [[0, 1, 0], [1, 0, 0]],
        "recommended": [[1], [2]],
        "popularity": [3, 2, 1],
    } | change
    with pytest.raises(ValueError, match=message):
        PopularityRecallDisplay.from_recommendations(**given)


def test_something_must_be_hidden(pyplot, split):
    with pytest.raises(TypeError, match="hidden entries as `relevant`"):
        PopularityRecallDisplay.from_estimator(MostEntries().fit(split[0]), split[0])
