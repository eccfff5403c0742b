"""Figures: scikit-learn is the oracle of every value, SciPy of the intervals."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression

from sixfold.evaluation import (
    Scored,
    class_figures,
    confusion,
    difference,
    formula,
    formulas,
    measured,
    without,
)
from sixfold.families import find, names
from sixfold.tasks import Task

NAMES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "auroc")


def scored_by_logistic_regression(x: np.ndarray, y: np.ndarray) -> Scored:
    half = len(y) // 2
    model = LogisticRegression(max_iter=200).fit(x[:half] / x.max(), y[:half])
    likely = model.predict_proba(x[half:] / x.max())
    return Scored(y[half:], likely, likely.argmax(axis=1))


def scikit_learn(scored: Scored) -> dict[str, float]:
    y, likely, decided = scored.y, scored.probabilities, scored.decided
    ranked = likely[:, 1] if scored.classes == 2 else likely
    return {
        "accuracy": metrics.accuracy_score(y, decided),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, decided),
        "macro_f1": metrics.f1_score(y, decided, average="macro"),
        "log_loss": metrics.log_loss(y, likely),
        "auroc": metrics.roc_auc_score(y, ranked, multi_class="ovr"),
    }


@pytest.mark.filterwarnings("ignore")  # scikit-learn's own, on convergence
@pytest.mark.parametrize("data", [load_digits, load_breast_cancer])
def test_every_figure_is_what_scikit_learn_says(data):
    scored = scored_by_logistic_regression(*data(return_X_y=True))
    ours = measured(NAMES, scored, resamples=10)
    for name, value in scikit_learn(scored).items():
        assert ours[name].value == pytest.approx(value, abs=1e-9), name
        assert ours[name].rows == scored.rows


def test_f1_is_of_yes_and_only_where_there_are_two_classes():
    y, likely = np.array([0, 1, 1, 0, 1]), np.array([0.2, 0.9, 0.4, 0.7, 0.8])
    decided = (likely >= 0.5).astype(int)
    scored = Scored(y, np.stack([1 - likely, likely], axis=1), decided)
    assert measured(("f1",), scored, resamples=5)["f1"].value == pytest.approx(metrics.f1_score(y, decided))
    several = Scored(y, np.full((5, 3), 1 / 3), y)
    assert measured(("f1",), several, resamples=5)["f1"].value is None


def test_very_many_rows_rest_on_fewer_resamples():
    y = np.zeros(2_000_000, int)
    assert formula("accuracy").resamples(Scored(y, np.zeros((len(y), 2)), y), 1000) == 125


def test_every_figure_that_a_task_names_exists():
    named = {figure.name for kind in names(Task) for figure in find(Task, kind).figures}
    assert named <= {how.name for how in formulas()}


@st.composite
def any_scored(draw: st.DrawFn) -> Scored:
    classes, rows = draw(st.integers(2, 4)), draw(st.integers(2, 30))
    indices = st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)
    scores = draw(
        st.lists(st.lists(st.integers(1, 4), min_size=classes, max_size=classes), min_size=rows, max_size=rows)
    )
    likely = np.array(scores, float)
    return Scored(np.array(draw(indices)), likely / likely.sum(axis=1, keepdims=True), np.array(draw(indices)))


@given(any_scored())
@settings(max_examples=150, deadline=None)
def test_figures_agree_with_scikit_learn_on_any_rows_even_tied_ones_and_ones_that_lack_a_class(scored):
    once = np.ones(scored.rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert formula("balanced_accuracy").of(scored, once) == pytest.approx(
            metrics.balanced_accuracy_score(scored.y, scored.decided)
        )
        assert formula("macro_f1").of(scored, once) == pytest.approx(
            metrics.f1_score(scored.y, scored.decided, average="macro", zero_division=0)
        )
        one_by_one = [
            metrics.roc_auc_score(scored.y == index, scored.probabilities[:, index])
            for index in ([1] if scored.classes == 2 else range(scored.classes))
            if 0 < (scored.y == index).sum() < scored.rows
        ]
    if one_by_one:
        assert formula("auroc").of(scored, once) == pytest.approx(np.mean(one_by_one))
    else:
        assert np.isnan(formula("auroc").of(scored, once))


@given(any_scored(), st.data())
@settings(max_examples=60, deadline=None)
def test_counting_a_row_twice_is_the_same_as_having_it_twice(scored, data):
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=scored.rows, max_size=scored.rows)))
    if not counts.any():
        return
    index = np.repeat(np.arange(scored.rows), counts)
    repeated = Scored(scored.y[index], scored.probabilities[index], scored.decided[index])
    for name in NAMES:
        ours = formula(name).of(scored, counts.astype(float))
        assert ours == pytest.approx(formula(name).of(repeated, np.ones(len(index))), nan_ok=True), name


def test_the_interval_is_the_percentile_bootstrap_that_scipy_makes():
    random = np.random.default_rng(3)
    right = random.random(400) < 0.85
    y = random.integers(0, 2, 400)
    decided = np.where(right, y, 1 - y)
    ours = measured(("accuracy",), Scored(y, np.full((400, 2), 0.5), decided))["accuracy"]
    theirs = bootstrap((right,), np.mean, n_resamples=5000, method="percentile", rng=0).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
    assert ours.resamples == 1000


def test_intervals_cover_the_true_accuracy_about_as_often_as_they_say():
    random, covered = np.random.default_rng(0), 0
    for trial in range(100):
        y = np.zeros(200, int)
        decided = (random.random(200) >= 0.8).astype(int)
        found = measured(("accuracy",), Scored(y, np.full((200, 2), 0.5), decided), resamples=300, seed=trial)[
            "accuracy"
        ]
        covered += found.low <= 0.8 <= found.high
    assert covered >= 88


def test_a_rare_class_that_most_resamples_lack_breaks_no_interval():
    y = np.array([0] * 30 + [1])
    likely = np.stack([np.linspace(0.9, 0.2, 31), np.linspace(0.1, 0.8, 31)], axis=1)
    found = measured(NAMES, Scored(y, likely, likely.argmax(axis=1)))
    assert all(figure.low <= figure.value <= figure.high for figure in found.values())
    assert 500 < found["auroc"].resamples < 1000, "resamples without the rare class define no AUROC and are not counted"


def test_auroc_of_one_class_alone_is_not_defined_and_says_so():
    found = measured(("auroc",), Scored(np.zeros(5, int), np.full((5, 2), 0.5), np.zeros(5, int)), resamples=20)[
        "auroc"
    ]
    assert (found.value, found.low, found.high, found.resamples) == (None, None, None, 0)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    scored = scored_by_logistic_regression(*load_breast_cancer(return_X_y=True))
    first, again, other = (measured(("accuracy",), scored, seed=seed)["accuracy"] for seed in (1, 1, 2))
    assert first == again
    assert not np.array_equal(first.draws, other.draws)


def test_a_difference_is_paired_so_a_model_differs_from_itself_by_nothing():
    scored = scored_by_logistic_regression(*load_breast_cancer(return_X_y=True))
    ours = measured(NAMES, scored, resamples=50)
    for name in NAMES:
        gap = difference(ours[name], measured(NAMES, scored, resamples=50)[name], higher_is_better=True)
        assert (gap.value, gap.low, gap.high) == (0, 0, 0)


def test_a_difference_is_above_zero_where_the_model_is_better_whichever_way_is_up():
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 300)
    good = np.where(y[:, None] == np.arange(2), 0.9, 0.1)
    poor = np.full((300, 2), 0.5)
    ours = measured(NAMES, Scored(y, good, y), resamples=100)
    theirs = measured(NAMES, Scored(y, poor, np.zeros(300, int)), resamples=100)
    for name in NAMES:
        gap = difference(ours[name], theirs[name], higher_is_better=name != "log_loss")
        assert gap.low > 0, name


def test_leaving_out_rows_that_were_all_right_shows_by_how_much_they_flattered():
    y = np.array([0, 1] * 100)
    decided = np.where(np.arange(200) < 150, y, 1 - y)
    gap = without("accuracy", Scored(y, np.full((200, 2), 0.5), decided), np.arange(200) >= 50, higher_is_better=True)
    assert gap.value == pytest.approx(0.75 - 100 / 150)
    assert gap.low > 0


@pytest.mark.filterwarnings("ignore")
def test_class_figures_and_confusion_are_scikit_learns():
    scored = scored_by_logistic_regression(*load_digits(return_X_y=True))
    theirs = metrics.precision_recall_fscore_support(scored.y, scored.decided, labels=range(10), zero_division=0)
    for index, entry in enumerate(class_figures(scored)):
        assert (entry.precision, entry.recall, entry.f1, entry.support) == pytest.approx(
            [part[index] for part in theirs]
        )
    assert np.array_equal(confusion(scored), metrics.confusion_matrix(scored.y, scored.decided, labels=range(10)))


def test_sixteen_thousand_rows_take_seconds():
    random = np.random.default_rng(0)
    likely = random.dirichlet(np.ones(10), 16_000)
    scored = Scored(random.integers(0, 10, 16_000), likely, likely.argmax(axis=1))
    begun = time.process_time()
    found = measured(NAMES, scored)
    assert time.process_time() - begun < 5
    assert found["accuracy"].resamples == 1000
    assert found["auroc"].resamples >= 1000


def test_auroc_of_very_many_classes_rests_on_fewer_resamples_and_says_on_how_many():
    random = np.random.default_rng(0)
    likely = random.dirichlet(np.ones(400), 1000)
    found = measured(("accuracy", "auroc"), Scored(random.integers(0, 400, 1000), likely, likely.argmax(axis=1)))
    assert found["accuracy"].resamples == 1000
    assert 100 <= found["auroc"].resamples < 1000
