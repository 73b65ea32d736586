"""The shipped text is the published one, and comes in scikit-learn's container."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from sparsekit import datasets
from sparsekit.datasets import load_sms_spam

DATA = Path(datasets.__file__).parent / "data"
ORIGINAL = Path(__file__).parents[3] / "shared" / "data" / "sms_spam" / "SMSSpamCollection.tsv.gz"


@pytest.fixture(scope="module")
def sms():
    return load_sms_spam()


def test_counts_are_the_published_ones(sms):
    assert sms.data.shape == sms.target.shape == (5574,)
    assert np.bincount(sms.target).tolist() == [4827, 747]
    assert sms.target_names.tolist() == ["ham", "spam"]


def test_texts_and_labels_round_trip_to_the_shipped_file(sms):
    labels = sms.target_names[sms.target]
    lines = "".join(f"{label}\t{text}\n" for label, text in zip(labels, sms.data, strict=True))
    assert lines.encode() == gzip.decompress((DATA / "sms_spam.tsv.gz").read_bytes())


def test_messages_are_plain_strings(sms):
    assert {type(text) for text in sms.data} == {str}
    assert all(text.strip() for text in sms.data)


def test_description_counts_the_repeated_messages(sms):
    n_distinct = len(np.unique(sms.data))
    assert f"({n_distinct} distinct ones)" in sms.DESCR
    assert f"{len(sms.data) - n_distinct}\nlines repeat" in sms.DESCR


def test_repeated_messages_keep_their_label(sms):
    distinct_pairs = set(zip(sms.data, sms.target, strict=True))
    assert len(distinct_pairs) == len(np.unique(sms.data))


def test_attribution_stands_beside_the_data(sms):
    text = (DATA / "sms_spam.rst").read_text(encoding="utf-8")
    assert text == sms.DESCR
    for required in ("CC BY 4.0", "Almeida", "Hidalgo", "10.24432/C5CC84", "Changes: none"):
        assert required in text


def test_return_X_y_gives_the_same_arrays(sms):
    data, target = load_sms_spam(return_X_y=True)
    assert data.tolist() == sms.data.tolist()
    np.testing.assert_array_equal(target, sms.target)


def test_every_call_gives_fresh_arrays(sms):
    other = load_sms_spam()
    other.target[:] = 7
    assert sms.target.max() == 1


def test_return_X_y_must_be_a_boolean():
    with pytest.raises(ValueError, match="return_X_y"):
        load_sms_spam(return_X_y="yes")


def test_shipped_file_is_the_raw_one_unchanged():
    if not ORIGINAL.exists():
        pytest.skip("the raw file is not beside the checkout")
    shipped = hashlib.sha256((DATA / "sms_spam.tsv.gz").read_bytes()).hexdigest()
    assert shipped == hashlib.sha256(ORIGINAL.read_bytes()).hexdigest()
