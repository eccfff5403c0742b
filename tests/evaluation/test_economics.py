"""What answers are worth: the decision that earns most, the chapter, its gate, and the one formula."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from test_evaluate import fits

import sixfold
from sixfold.errors import ProductError
from sixfold.evaluation import ClassWorth, chances, decide, money, schema
from sixfold.evaluation.chapters.economics import Economics
from sixfold.fields.category import Category
from sixfold.fields.yes_no import YesNo
from sixfold.product import Product
from sixfold.stages import Evaluate
from sixfold.tasks import Decision, Task, task_of

VALUE = {
    "right": {"yes": 60},
    "false_alarm": 8,
    "person": {"costs": 4, "right": 0.9, "minutes": 6},
    "price": 0.5,
    "volume": 40_000,
    "machine_hour": 1.2,
}


def yes_no(**value: object) -> Task:
    product = Product(
        name="p", data="x.csv", given={"a": "number"}, predict={"ill": "yes_no"}, evaluate={"value": value}
    )
    return task_of(product)(product, YesNo("ill").fit(["yes", "no"]))


def classes(**value: object) -> Task:
    product = Product(
        name="p", data="x.csv", given={"a": "number"}, predict={"kind": "category"}, evaluate={"value": value}
    )
    return task_of(product)(product, Category("kind").fit(["a", "b", "c"]))


def drawn(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Chances of yes (n, 1) that are true, and what happened (n,)."""
    random = np.random.default_rng(seed)
    likely = random.beta(0.6, 1.4, rows)
    return likely[:, None], (random.random(rows) < likely).astype(np.int64)


def test_the_threshold_follows_from_what_errors_cost() -> None:
    outputs, y = drawn(20_000)
    assert decide(yes_no(missed=9, false_alarm=1), outputs, y).threshold == pytest.approx(0.1, abs=0.02)
    assert decide(yes_no(missed=1, false_alarm=3), outputs, y).threshold == pytest.approx(0.75, abs=0.05)


def test_chances_that_are_wrong_do_not_keep_the_threshold_where_costs_alone_would_put_it() -> None:
    outputs, y = drawn(20_000)
    shifted = outputs / (outputs + 9 * (1 - outputs))  # as if yes were nine times as rare
    task = yes_no(missed=1, false_alarm=1)
    decision, worth = decide(task, shifted, y), ClassWorth.of(task)
    likely = chances(shifted, decision)[:, 1]
    ours = worth.account(y, (likely >= decision.threshold).astype(int)).value.mean()
    naive = worth.account(y, (likely >= 0.5).astype(int)).value.mean()
    assert decision.threshold < 0.4
    assert ours > naive


def test_a_person_is_asked_between_no_and_yes_where_that_earns_more() -> None:
    outputs, y = drawn(20_000)
    decision = decide(yes_no(missed=10, false_alarm=10, person={"costs": 1, "right": 0.98}), outputs, y)
    low, high = decision.asks
    # A person loses 1 + 0.02 · 10 = 1.2 on average; no loses 10p, yes loses 10(1 − p).
    assert low == pytest.approx(0.12, abs=0.03)
    assert high == pytest.approx(0.88, abs=0.03)
    assert low <= decision.threshold <= high


def test_a_person_who_costs_more_than_errors_is_never_asked() -> None:
    outputs, y = drawn(5_000)
    assert decide(yes_no(missed=2, false_alarm=2, person={"costs": 5}), outputs, y).asks is None


def test_a_person_who_costs_nothing_and_is_always_right_is_always_asked() -> None:
    outputs, y = drawn(5_000)
    decision = decide(yes_no(missed=2, false_alarm=2, person={"costs": 0}), outputs, y)
    assert decision.asking(chances(outputs, decision)[:, 1]).all()


def test_no_other_band_earns_much_more_on_the_rows_that_it_was_fitted_on() -> None:
    outputs, y = drawn(4_000, seed=3)
    task = yes_no(right=2, missed=7, false_alarm=3, person={"costs": 1.5, "right": 0.9})
    decision, worth = decide(task, outputs, y), ClassWorth.of(task)
    likely = chances(outputs, decision)[:, 1]

    def earned(low: float, high: float) -> float:
        return worth.account(y, (likely >= high).astype(int), (likely >= low) & (likely < high)).value.mean()

    grid = np.linspace(0, 1, 41)
    best = max(earned(low, high) for low in grid for high in grid if low <= high)
    low, high = decision.asks or (decision.threshold, decision.threshold)
    assert earned(low, high) > best - 0.08


def test_of_several_classes_a_person_is_asked_below_a_confidence() -> None:
    random = np.random.default_rng(0)
    outputs = random.dirichlet([0.5] * 3, 20_000)
    y = np.array([random.choice(3, p=row) for row in outputs])
    decision = decide(classes(wrong=10, person={"costs": 2}), outputs, y)
    assert decision.asks == (0.0, pytest.approx(0.8, abs=0.03))
    answers = classes(wrong=10).answers(np.array([[0.5, 0.3, 0.2], [0.98, 0.01, 0.01]]), decision)
    assert [answer["ask"] for answer in answers] == [True, False]


def test_an_error_that_costs_far_more_than_others_is_avoided_even_where_its_answer_is_likelier() -> None:
    random = np.random.default_rng(0)
    outputs = random.dirichlet([1.0] * 3, 5_000)
    y = np.array([random.choice(3, p=row) for row in outputs])
    task = classes(wrong={"a": {"b": 100, "c": 1}, "b": {"a": 1, "c": 1}, "c": {"a": 1, "b": 1}})
    decision = decide(task, outputs, y)
    (answer,) = task.answers(np.array([[0.3, 0.5, 0.2]]), decision)
    assert answer["kind"] == "a"
    assert "ask" not in answer


def test_what_is_said_of_other_kinds_of_answers_is_refused_with_what_fits() -> None:
    with pytest.raises(ProductError) as error:
        classes(missed=3)
    assert error.value.code == "product.value_unfit"
    assert "right, wrong" in error.value.mend("en")


def test_a_class_that_the_data_has_not_is_refused() -> None:
    with pytest.raises(ProductError) as error:
        ClassWorth.of(classes(wrong={"a": {"d": 3}}))
    assert error.value.code == "product.value_of_no_class"


def test_the_price_of_the_machine_is_that_of_the_quote_and_in_the_same_currency() -> None:
    def said(value: dict[str, object]) -> Product:
        price = {"hour": 2.0, "currency": "dollars"}
        return Product(
            name="p", data="x.csv", given={"a": "number"}, predict={"b": "yes_no"},
            train={"price": price}, evaluate={"value": value},
        )  # fmt: skip

    assert (said({"missed": 3}).currency, said({"missed": 3}).machine_hour) == ("USD", 2.0)
    assert said({"missed": 3, "machine_hour": 0.5}).machine_hour == 0.5
    with pytest.raises(ProductError) as error:
        said({"missed": 3, "currency": "CNY"})
    assert error.value.code == "product.value_currency"


def test_costs_below_zero_are_refused() -> None:
    with pytest.raises(ProductError):
        yes_no(missed=-3)


def evaluated(case) -> dict:
    work = case.work()
    Evaluate().run(case.product, case.inputs, work)
    return {name: work.store.get(blob) for name, blob in work.members.items() if name in ("report.json", "report.html")}


def test_the_report_tells_what_the_product_brings_and_the_gate_judges_by_it(build, tumour_product, tumour_rows) -> None:
    value = {**VALUE, "missed": 200, "false_alarm": 80}
    made = evaluated(build(tumour_product.changed(evaluate={"value": value}), tumour_rows))
    report = json.loads(made["report.json"])
    found = report["chapters"]["economics"]
    ways = found["ways"]
    assert set(ways) == {"product", "alone", "plain", "no_model", "always_yes", "people"}
    for way in ways.values():
        assert way["value"]["low"] <= way["value"]["value"] <= way["value"]["high"]
        assert way["value"]["value"] == pytest.approx(1000 * (way["earned"] - way["errors"] - way["people"]))
    assert found["against"]["no_model"]["low"] > 0
    gate = next(gate for gate in report["gates"] if gate["name"] == "beats baseline")
    assert gate["passed"]
    assert "Per 1,000 cases" in gate["says"]["en"]
    assert found["speed"]["seconds"] > 0
    assert found["people"]["hours_before"] == 4000
    assert Economics.figures(found)["value per 1000"] == pytest.approx(ways["product"]["value"]["value"])
    page = made["report.html"].decode()
    assert "Does it pay?" in page
    assert "划算吗？" in page
    wanted = again(found).to_json()
    assert found["economics"].pop("per_1000") == pytest.approx(wanted.pop("per_1000"))
    assert found["economics"] == pytest.approx(wanted)


def again(found: dict) -> sixfold.Economics:
    """What the public function says of what the chapter measured and assumed."""
    assumed = found["assumed"]
    return sixfold.economics(
        {name: way for name, way in found["ways"].items() if name not in ("alone", "plain")},
        seconds=found["speed"]["seconds"],
        machine_hour=assumed["machine_hour"],
        price=assumed["price"],
        volume=assumed["volume"],
        training=assumed["training"],
    )


def test_the_script_of_the_sliders_is_part_of_what_the_policy_of_the_page_allows(
    build, tumour_product, tumour_rows
) -> None:
    page = evaluated(build(tumour_product.changed(evaluate={"value": VALUE}), tumour_rows))["report.html"].decode()
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    assert "function economics(" in script
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_without_a_value_there_is_no_chapter(tumour_case) -> None:
    report = json.loads(evaluated(tumour_case)["report.json"])
    assert "economics" not in report["chapters"]


def test_a_price_alone_gives_unit_economics_without_a_worth(build, tumour_product, tumour_rows) -> None:
    value = {"price": 0.1, "volume": 1e6, "machine_hour": 2.0}
    made = evaluated(build(tumour_product.changed(evaluate={"value": value}), tumour_rows))
    found = json.loads(made["report.json"])["chapters"]["economics"]
    assert found["ways"] == {}
    assert found["economics"]["margin"] == pytest.approx(1 - 2 * 730 * found["economics"]["machines"] / 1e5)
    assert "Break-even" in made["report.html"].decode()


WAY = {"earned": 2.0, "errors": 0.5, "people": 0.1}
NOTHING = {"earned": 1.0, "errors": 0.8, "people": 0.0}


def test_what_is_earned_is_what_is_left_after_errors_people_and_machines() -> None:
    told = sixfold.economics(
        {"product": WAY, "no_model": NOTHING},
        seconds=0.5, machine_hour=3.6, price=0.4, volume=10_000, training=3_000,
    )  # fmt: skip
    assert told.per_1000 == pytest.approx({"product": 1400, "no_model": 200})
    assert told.instead == "no_model"
    assert told.gain_per_1000 == pytest.approx(1200)
    assert told.computing_per_1000 == pytest.approx(0.5)
    assert told.machines == 1
    assert told.profit_per_month == pytest.approx(4000 - 3.6 * 730)
    assert told.gain_per_month == pytest.approx(10_000 * 0.8)
    assert told.break_even_volume == pytest.approx(3.6 * 730 / 0.4)
    assert told.payback_months == pytest.approx(3000 / (4000 - 2628))


def test_of_own_use_the_gain_pays_machines_and_training() -> None:
    told = sixfold.economics(
        {"product": WAY, "no_model": NOTHING}, seconds=0.5, machine_hour=3.6, volume=10_000, training=3_000
    )
    assert told.margin is None
    assert told.gain_per_month == pytest.approx(12_000 - 2628)
    assert told.payback_months == pytest.approx(3000 / (12_000 - 2628))


def test_a_volume_that_one_machine_cannot_serve_takes_several() -> None:
    told = sixfold.economics({}, seconds=1, machine_hour=1, price=0.01, volume=5_000_000)
    assert told.machines == 2
    assert told.machines_per_month == pytest.approx(1460)


def test_a_price_that_never_pays_the_machine_has_no_break_even() -> None:
    told = sixfold.economics({}, seconds=10, machine_hour=10, price=0.01, volume=1000, training=5)
    assert told.break_even_volume is None
    assert told.payback_months is None


def test_errors_that_cost_twice_as_much_cost_every_way_twice_as_much() -> None:
    told = sixfold.economics({"product": WAY, "no_model": NOTHING}, seconds=0.5, error_cost=2)
    assert told.per_1000 == pytest.approx({"product": 900, "no_model": -600})


def test_amounts_below_zero_and_ways_without_the_product_are_refused() -> None:
    with pytest.raises(ValueError, match="not below 0"):
        sixfold.economics({}, seconds=0.1, price=-1)
    with pytest.raises(ValueError, match="no product"):
        sixfold.economics({"people": WAY}, seconds=0.1)


def test_money_is_written_as_its_country_does() -> None:
    assert money(-1234.5, "CNY") == sixfold_text("−¥1,234", "−1,234\u00a0元")
    assert money(3, "CHF") == sixfold_text("CHF\u00a03.00", "3.00\u00a0CHF")


def sixfold_text(en: str, zh: str) -> object:
    from sixfold.language import Text

    return Text(en, zh)


def test_a_decision_without_a_value_has_neither_band_nor_worth() -> None:
    outputs, y = drawn(500)
    decision = decide(yes_no(), outputs, y)
    assert decision.asks is None
    without_sets = decision.model_copy(update={"sets": None})
    assert without_sets.model_dump(exclude_none=True).keys() == Decision().model_dump(exclude_none=True).keys()


def test_the_chapter_speaks_of_several_classes_and_of_numbers_too(build, digits_product, digits_rows) -> None:
    value = {"right": 1, "wrong": 30, "person": {"costs": 1.5}, "volume": 1e5}
    made = evaluated(build(digits_product.changed(evaluate={"value": value}), digits_rows))
    report = json.loads(made["report.json"])
    found = report["chapters"]["economics"]
    assert set(found["ways"]) == {"product", "alone", "plain", "no_model", "people"}
    assert 0 < found["people"]["share"] < 1
    assert found["assumed"]["hour_from"] is not None
    assert fits(report, schema()) == []
    assert "it asks a person" in made["report.html"].decode()


def test_numbers_are_worth_what_lies_within_a_tolerance(build, tumour_rows) -> None:
    rows = tumour_rows.drop("malignant").drop_nulls()
    given = {name: "number" for name in rows.columns if name != "mean area"}
    value = {"right": 5, "within": 50, "per_unit": 0.1, "wrong": 2, "person": {"costs": 3, "right": 0.9}}
    product = Product(
        name="areas", data="x.csv", given=given, predict={"mean area": "number"}, evaluate={"value": value}
    )
    report = json.loads(evaluated(build(product, rows))["report.json"])
    found = report["chapters"]["economics"]
    assert set(found["ways"]) == {"product", "no_model", "people"}
    assert found["against"]["no_model"]["low"] > 0
    assert found["asks"] is None
    assert fits(report, schema()) == []
