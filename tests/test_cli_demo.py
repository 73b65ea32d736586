"""The demo keeps its promises: figures that can be checked, pictures, and under 20 seconds."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from sparsekit._cli import _pictures
from sparsekit._cli._demo import ALPHAS
from sparsekit._cli._report import curve_table, quality_table, word_list
from sparsekit._cli._spam import Curve, Quality, read_messages
from sparsekit._cli._spam import Path as WordPath

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^ +(\d\.\d+e-\d+) +(\d+) +(\d\.\d{4}) +(\d\.\d{4})(?:  (.*))?$", re.MULTILINE)
QUALITY = re.compile(r"^  (s\S+) .* (\d+) +(0\.\d{4}) +(0\.\d{4})$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder):
    """Return what the demo prints with an empty kernel cache, and its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "sparsekit", "demo"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NUMBA_CACHE_DIR": str(folder / "kernels"),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return done.stdout, seconds


@pytest.fixture(scope="module")
def rows(demo):
    return ROW.findall(demo[0])


def test_it_takes_less_than_20_seconds_with_a_cold_cache(demo):
    # Processor time, because the wall clock of a busy machine measures its other work.
    assert demo[1] < 20


def test_the_table_has_a_line_per_alpha(rows):
    assert len(rows) == len(ALPHAS)
    np.testing.assert_allclose([float(row[0]) for row in rows], ALPHAS, rtol=5e-3)


def test_the_marks_follow_their_definition(rows):
    mean, error = (np.array([float(row[k]) for row in rows]) for k in (2, 3))
    marks = [row[4] for row in rows]
    best, one_se = marks.index("min"), marks.index("1-SE")
    assert sum(map(bool, marks)) == 2
    assert mean[best] == mean.min()
    # Printed figures are rounded to 4 places.
    assert mean[one_se] <= mean[best] + error[best] + 1.5e-4
    assert mean[one_se - 1] > mean[best] + error[best] - 1.5e-4


def test_the_best_alpha_lies_inside_the_grid(rows):
    marks = [row[4] for row in rows]
    assert 0 < marks.index("1-SE") < marks.index("min") < len(rows) - 1


def test_as_many_words_are_listed_as_the_chosen_line_counts(demo, rows):
    listed = demo[0].split("words chosen\n")[1].split("\n\nOn the")[0]
    signs = re.findall(r"\S+ ([+-])\d", listed)
    chosen = next(row for row in rows if row[4] == "1-SE")
    assert len(signs) == int(chosen[1])
    assert set(signs) == {"+", "-"}
    assert re.search(r"\btxt \+", listed)


def test_quality_stands_beside_scikit_learn(demo):
    found = QUALITY.findall(demo[0])
    assert [row[0] for row in found] == ["sparsekit,", "sparsekit,", "scikit-learn"]
    words, accuracy, f1 = (np.array([float(row[k]) for row in found]) for k in (1, 2, 3))
    assert words[0] < words[1] < words[2]
    share_of_ham = 1 - read_messages().y_test.mean()
    assert np.all(accuracy > share_of_ham + 0.08) and np.all(f1 > 0.85)


def test_seconds_and_scores_stand_beside_the_stock_search(demo, rows):
    ours, stock = (
        float(re.search(rf"^  {name} \(.*\) +([\d.]+)", demo[0], re.MULTILINE)[1])
        for name in ("PathGridSearchCV", "GridSearchCV")
    )
    assert ours < stock
    # What identical columns leave open must not matter beside the error of the mean.
    difference = float(re.search(r"Mean scores within (\S+)", demo[0])[1])
    assert difference < min(float(row[3]) for row in rows)


def test_two_pictures_are_saved_where_it_says(demo, folder):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    assert f"in {folder}" in demo[0]
    for name in (_pictures.PATH_FILE, _pictures.CURVE_FILE):
        assert name in demo[0]
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def path():
    coefs = sparse.csc_array(np.array([[0.0, 1.5, 2.5], [0.0, 0.0, -0.5]]))
    return WordPath(np.array(["txt", "me"]), coefs, [])


def curve(best, one_se):
    return Curve(np.array([[3.0, 5.0], [1.0, 2.0], [1.0, 1.5]]), best, one_se)


def test_standard_error_is_of_the_mean_over_folds():
    np.testing.assert_allclose(curve(2, 1).standard_error, [1.0, 0.5, 0.25])


def test_one_alpha_may_bear_both_marks(path):
    table = curve_table(np.array([0.3, 0.2, 0.1]), path, curve(2, 2)).splitlines()
    assert [line.split()[1] for line in table[1:]] == ["0", "1", "2"]
    assert table[3].endswith("  min, 1-SE")


def test_words_are_sorted_by_size_and_parted_by_sign():
    printed = word_list(np.array(["a", "b", "c", "d"]), np.array([0.5, -3.0, 2.0, 0.0]))
    assert printed == "  for spam (+): c +2, a +0.5\n  against it (-): b -3"


def test_a_side_without_words_says_so():
    assert word_list(np.array(["a"]), np.array([1.0])).endswith("against it (-): none")


def test_a_word_and_its_coefficient_share_a_line():
    words = np.array([f"word{k}" for k in range(200)])
    lines = word_list(words, np.linspace(3, 1, 200)).splitlines()
    assert max(map(len, lines)) <= 96
    assert all(re.search(r"[+]\S+$", line) for line in lines[:-1])


def test_quality_table_lines_up():
    lines = quality_table([Quality("ours", 12, 0.5, 0.25)]).splitlines()
    assert len(lines[0]) == len(lines[1])
    assert lines[1].split() == ["ours", "12", "0.5000", "0.2500"]


def test_without_matplotlib_the_extra_is_named(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_pictures, "find_spec", lambda name: None)
    told = _pictures.save_pictures(np.array([0.3, 0.2, 0.1]), path, curve(2, 1))
    assert 'pip install "sparsekit[plot]"' in told
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_pictures_is_named(path, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plot)")
    # A folder of the picture's name is in the way even for an administrator.
    (tmp_path / _pictures.PATH_FILE).mkdir()
    monkeypatch.chdir(tmp_path)
    told = _pictures.save_pictures(np.array([0.3, 0.2, 0.1]), path, curve(2, 1))
    assert told.startswith(f"No pictures: {tmp_path}")
