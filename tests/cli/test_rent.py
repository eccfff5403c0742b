"""Rent or train: a product against a model behind a local server that speaks OpenAI's form."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sixfold.cli import main
from sixfold.errors import InputError, RunError
from sixfold.pipeline import Sixfold
from sixfold.product import Product
from sixfold.renting import Endpoint, Terms, rent, rented
from sixfold.security import Home


class Rival(ThreadingHTTPServer):
    """Answers each row by a rule; remembers what it was asked."""

    def __init__(self, rule: Callable[[dict[str, Any]], Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rule = rule
        self.asked: list[dict[str, Any]] = []
        self.headers_seen: list[str | None] = []
        self.failures: list[int] = []
        self.location = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Rival

    def do_POST(self) -> None:
        assert self.path == "/v1/chat/completions"
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.headers_seen.append(self.headers.get("Authorization"))
        if self.server.failures:
            self.send_response(self.server.failures.pop(0))
            if self.server.location:
                self.send_header("Location", self.server.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        row = json.loads(body["messages"][-1]["content"])
        text = self.server.rule(row)
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        record = {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}
        content = json.dumps(record).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def rival() -> Iterator[Rival]:
    server = Rival(lambda row: json.dumps({"answer": "yes" if row["x"] > 0 else "no"}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


VALUE = {"missed": 10, "false_alarm": 10, "person": {"costs": 2, "right": 0.95}, "volume": 10_000, "machine_hour": 0.1}


def rows_of(count: int = 700) -> list[dict[str, Any]]:
    """x tells y nine times in ten; notes hold what no other house may read."""
    random = np.random.default_rng(0)
    x = random.normal(size=count).round(4)
    right = (x > 0) ^ (random.random(count) < 0.1)
    notes = ["none", "write to bob.miller@example.com"]
    return [
        {"x": float(x[place]), "note": notes[place % 2], "y": "yes" if right[place] else "no"} for place in range(count)
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the product was run once, to be copied."""
    path = tmp_path_factory.mktemp("trained") / "home"
    Sixfold(Home(path)).run(product(), until="evaluate")
    return path


@pytest.fixture
def house(home: Home, trained: Path) -> Sixfold:
    shutil.copytree(trained, home.path, dirs_exist_ok=True)
    return Sixfold(home)


def product(**more: Any) -> Product:
    return Product(
        name="demo",
        goal="Tell y.",
        data=rows_of(),
        given={"x": "number", "note": "category"},
        predict={"y": "yes_no"},
        **{"train": {"network": "trees"}, "evaluate": {"value": VALUE}, **more},
    )


def endpoint(rival: Rival, **more: Any) -> Endpoint:
    return Endpoint(rival.url, "small", "secret-key", **{"pause": 0.0, **more})


def test_a_rented_model_as_good_as_ours_loses_by_its_price(house: Sixfold, rival: Rival) -> None:
    found = rent(house, "demo", endpoint(rival), Terms(rows=100, price_in=5_000, price_out=5_000))
    assert found.rows == 100
    assert found.unanswered == 0
    assert found.running["rented"] == pytest.approx(1000 * 110 * 5_000 / 1e6)
    assert found.verdict in ("train", "stop")
    assert found.against["rented"]["low"] > 0
    assert found.spent == pytest.approx(100 * 110 * 5_000 / 1e6)


def test_a_rented_model_that_is_much_better_wins(house: Sixfold, rival: Rival) -> None:
    truth = {row["x"]: row["y"] for row in rows_of()}
    rival.rule = lambda row: json.dumps({"answer": truth[row["x"]]})
    found = rent(house, "demo", endpoint(rival), Terms(rows=120, price_in=1, price_out=1))
    assert found.verdict == "rent"
    assert found.is_sure
    assert rented(house, "demo") == json.loads(json.dumps(found.to_json()))


def test_where_neither_is_worth_more_than_doing_without_the_verdict_is_to_stop(home: Home, rival: Rival) -> None:
    house = Sixfold(home)
    value = {**VALUE, "person": {"costs": 0.01, "right": 1}}
    house.run(product(evaluate={"value": value, "gates": {"beats baseline": False}}), until="evaluate")
    rival.rule = lambda _: json.dumps({"answer": "no"})
    assert rent(house, "demo", endpoint(rival), Terms(rows=60, price_in=1, price_out=1)).verdict == "stop"


def test_personal_data_does_not_leave_and_the_key_goes_only_into_the_header(house: Sixfold, rival: Rival) -> None:
    rent(house, "demo", endpoint(rival), Terms(rows=40))
    sent = json.dumps(rival.asked)
    assert "bob.miller" not in sent
    assert "[EMAIL]" in sent
    assert "secret-key" not in sent
    assert set(rival.headers_seen) == {"Bearer secret-key"}


def test_every_question_shows_examples_of_both_classes_from_the_training_rows(house: Sixfold, rival: Rival) -> None:
    rent(house, "demo", endpoint(rival), Terms(rows=30, examples=4))
    before = [message["content"] for message in rival.asked[0]["messages"] if message["role"] == "assistant"]
    assert sorted(before) == ['{"answer": "no"}'] * 2 + ['{"answer": "yes"}'] * 2
    shown = {json.loads(message["content"])["x"] for message in rival.asked[0]["messages"][1:-1:2]}
    assert shown.isdisjoint(json.loads(asked["messages"][-1]["content"])["x"] for asked in rival.asked)


def test_what_was_answered_is_kept_encrypted_and_never_asked_again(house: Sixfold, rival: Rival) -> None:
    rival.rule = lambda _: '{"answer": "yes"} peculiar-words'
    with pytest.raises(InputError) as error:
        rent(house, "demo", endpoint(rival), Terms(rows=60, most_requests=20))
    assert error.value.code == "input.rent_too_few"
    assert len(rival.asked) == 20
    found = rent(house, "demo", endpoint(rival), Terms(rows=60))
    assert len(rival.asked) == 60
    assert found.requests == 40
    assert rent(house, "demo", endpoint(rival), Terms(rows=60)).requests == 0
    for path in house.home.path.rglob("*"):
        assert not path.is_file() or b"peculiar-words" not in path.read_bytes()


def test_money_is_never_spent_beyond_its_limit(house: Sixfold, rival: Rival) -> None:
    found = rent(house, "demo", endpoint(rival), Terms(rows=200, most_money=10.0, price_in=1_000, price_out=1_000))
    assert 30 <= found.rows < 200
    assert found.wanted == found.rows or found.rows < found.wanted
    assert found.spent <= 10.0


def test_what_passes_is_tried_again_and_counted(house: Sixfold, rival: Rival) -> None:
    rival.failures = [503, 429]
    found = rent(house, "demo", endpoint(rival), Terms(rows=30))
    assert found.requests == 32


def test_a_server_that_stays_down_ends_it_and_what_was_answered_is_kept(house: Sixfold, rival: Rival) -> None:
    rent(house, "demo", endpoint(rival), Terms(rows=30))
    rival.failures = [500] * 50
    with pytest.raises(RunError) as error:
        rent(house, "demo", endpoint(rival), Terms(rows=40))
    assert error.value.code == "run.rent_unreachable"
    assert len(rival.asked) == 34
    assert rented(house, "demo") is not None


def test_a_refusal_and_a_redirect_are_errors_that_do_not_tell_the_key(house: Sixfold, rival: Rival) -> None:
    for status in (401, 302):
        rival.failures, rival.location = [status], "http://127.0.0.1:9/elsewhere"
        with pytest.raises(RunError) as error:
            rent(house, "demo", endpoint(rival), Terms(rows=30))
        assert error.value.code == "run.rent_refused"
        assert "secret-key" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["http://models.example.com/v1", "ftp://127.0.0.1/v1", "https://me:pw@example.com", "x"]
)
def test_addresses_that_would_leak_or_are_none_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        Endpoint(url, "small")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"answer": "yes"}', 1),
        ('```json\n{"answer": "No"}\n```', 0),
        ("Yes.", 1),
        ("The answer is yes", 1),
        ("yes or no", None),
        ("", None),
        ('{"answer": true}', None),
    ],
)
def test_answers_are_read_as_they_are_meant_or_not_at_all(text: str, place: int | None) -> None:
    from sixfold.renting._prompt import Question

    assert Question(product(), {}, ["no", "yes"], []).class_of(text) == place


def test_a_picture_goes_as_one_and_a_form_that_such_models_do_not_take_is_refused() -> None:
    import base64

    from sixfold.fields.image import Image
    from sixfold.renting._prompt import Question

    looks = Product(name="p", data="x", given={"photo": "image"}, predict={"y": "yes_no"})
    question = Question(looks, {"photo": Image("photo")}, ["no", "yes"], [])
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n rest").decode()
    (part,) = question.messages({"photo": png})[-1]["content"]
    assert part == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}}
    with pytest.raises(InputError) as error:
        question.messages({"photo": base64.b64encode(b"II*\0 a TIFF").decode()})
    assert error.value.code == "input.rent_picture"


@pytest.mark.parametrize(
    ("text", "number"), [('{"answer": 3.5}', 3.5), ("about 1,200", 1200), ("3 or 4", None), ('{"answer": "−2"}', -2)]
)
def test_numbers_are_read_or_not_at_all(text: str, number: float | None) -> None:
    from sixfold.renting._prompt import Question

    assert Question.number_of(text) == number


def test_numbers_are_compared_too(home: Home, rival: Rival) -> None:
    house, random = Sixfold(home), np.random.default_rng(0)
    rows = [{"x": float(x), "y": 3 * float(x) + float(random.normal())} for x in random.normal(size=400).round(3)]
    house.run(
        Product(
            name="demo", data=rows, given={"x": "number"}, predict={"y": "number"},
            train={"network": "trees"}, evaluate={"value": {"right": 1, "within": 1, "per_unit": 1}},
        ),
        until="evaluate",
    )  # fmt: skip
    rival.rule = lambda row: json.dumps({"answer": 3 * row["x"]})
    found = rent(house, "demo", endpoint(rival), Terms(rows=60))
    assert set(found.per_1000) == {"product", "rented", "no_model"}
    assert found.per_1000["rented"]["value"] > found.per_1000["no_model"]["value"]


def test_the_command_says_the_verdict_in_both_languages_and_as_json(
    house: Sixfold, rival: Rival, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIXFOLD_RENT_KEY", "secret-key")
    asked = ["rent", "demo", "--url", rival.url, "--model", "small", "--rows", "40"]
    assert main(asked) == 0
    assert "this product" in capsys.readouterr().out
    assert main(["--lang", "zh", *asked]) == 0
    assert "本产品" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 40
    assert set(rival.headers_seen) == {"Bearer secret-key"}


def test_a_rented_model_elsewhere_needs_its_price(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rent", "demo", "--url", "https://models.example.com/v1", "--model", "small"]) == 2
    assert "--price-in" in capsys.readouterr().err


def test_a_product_that_does_not_say_what_answers_are_worth_is_told_to(
    home: Home, rival: Rival, tmp_path: Path
) -> None:
    house = Sixfold(home)
    house.run(product(evaluate={}), until="evaluate")
    with pytest.raises(InputError) as error:
        rent(house, "demo", endpoint(rival), Terms(rows=30))
    assert error.value.code == "input.rent_no_value"
