"""The decision: temperature and threshold from validation rows."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.evaluation import chances, decide, decided
from sixfold.fields.category import Category
from sixfold.fields.yes_no import YesNo
from sixfold.product import Product
from sixfold.tasks import Decision, Task, task_of


@pytest.fixture
def category_task() -> Task:
    product = Product(name="p", data="x.csv", given={"a": "number"}, predict={"kind": "category"})
    return task_of(product)(product, Category("kind").fit(["a", "b", "c"]))


@pytest.fixture
def yes_no_task() -> Task:
    product = Product(name="p", data="x.csv", given={"a": "number"}, predict={"ill": "yes_no"})
    return task_of(product)(product, YesNo("ill").fit(["yes", "no"]))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def loss(outputs: np.ndarray, y: np.ndarray, temperature: float) -> float:
    likely = chances(outputs, Decision(temperature=temperature))
    return float(-np.log(likely[np.arange(len(y)), y]).mean())


def test_a_network_that_is_three_times_too_sure_gets_the_temperature_three(category_task):
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (20_000, 3))
    y = np.array([random.choice(3, p=row) for row in softmax(logits)])
    assert decide(category_task, softmax(3 * logits), y).temperature == pytest.approx(3, rel=0.05)


def test_no_other_temperature_has_less_loss_on_the_validation_rows(category_task):
    random = np.random.default_rng(1)
    logits = random.normal(0, 2, (3000, 3))
    y = np.where(random.random(3000) < 0.7, logits.argmax(axis=1), random.integers(0, 3, 3000))
    outputs = softmax(logits)
    best = decide(category_task, outputs, y).temperature
    grid = np.exp(np.linspace(np.log(0.1), np.log(10), 400))
    assert loss(outputs, y, best) <= min(loss(outputs, y, t) for t in grid) + 1e-4


def test_a_few_rows_without_a_mistake_do_not_make_the_model_infinitely_sure(category_task):
    y = np.array([0, 1, 2] * 5)
    outputs = np.where(y[:, None] == np.arange(3), 0.8, 0.1)
    sure = chances(outputs, decide(category_task, outputs, y)).max()
    assert sure == pytest.approx(16 / 17, abs=0.01)


def test_without_validation_rows_the_decision_is_neutral(yes_no_task):
    assert decide(yes_no_task, np.zeros((0, 1)), np.zeros(0, int)) == Decision()


def test_the_threshold_moves_where_that_mends_many_rows(yes_no_task):
    # The network's chances of yes are all far too low to reach one half; the calibration alone cannot mend their order.
    likely = np.concatenate([np.full(500, 0.05), np.full(500, 0.30)])[:, None]
    y = np.concatenate([np.zeros(500, int), np.ones(500, int)])
    decision = decide(yes_no_task, likely, y)
    answers = decided(chances(likely, decision), yes_no_task, decision)
    assert (answers == y).all()
    assert decision.threshold < 0.5


def test_the_threshold_stays_one_half_where_another_is_better_only_by_noise(yes_no_task):
    moved = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        likely = random.random(400)
        y = (random.random(400) < likely).astype(int)
        moved += decide(yes_no_task, likely[:, None], y).threshold != 0.5
    assert moved <= 4


def test_of_equally_good_thresholds_the_nearest_to_one_half_is_taken(yes_no_task):
    likely, y = np.array([[0.2], [0.8]] * 200), np.array([0, 1] * 200)
    assert decide(yes_no_task, likely, y).threshold == 0.5


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_what_is_measured_is_what_the_task_answers(yes_no_task, category_task, threshold):
    random = np.random.default_rng(2)
    for task, outputs in ((yes_no_task, random.random((200, 1))), (category_task, random.dirichlet(np.ones(3), 200))):
        decision = Decision(temperature=1.7, threshold=threshold)
        told = [answer[task.target.name] for answer in task.answers(outputs, decision)]
        classes = task.target.state["classes"]
        assert told == [classes[index] for index in decided(chances(outputs, decision), task, decision)]
