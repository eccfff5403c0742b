"""The service over real HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sixfold.serving import Bundle, Engine, same_answer
from sixfold.serving._limits import Limits

Rows = tuple[list[dict[str, Any]], list[str]]
Pictures = tuple[list[bytes], list[str]]

PATHS = ["/", "/page/app.js", "/page/style.css", "/page/icon.svg", "/about", "/example", "/openapi.json", "/report"]


def asked(url: str, **request: Any) -> tuple[int, dict[str, Any]]:
    response = httpx.post(f"{url}/predict", **request)
    return response.status_code, response.json()


def test_one_row_is_answered_in_the_same_shape_as_many(table_url: str, table_bundle: Bundle, table_rows: Rows) -> None:
    rows = table_rows[0][:5]
    expected = Engine(table_bundle).answers(rows)
    status, one = asked(table_url, json=rows[0])
    assert status == 200
    assert set(one) == {"answers", "model", "product", "request", "milliseconds"}
    assert (one["model"], one["product"]) == (table_bundle.version, "tumour")
    assert same_answer(expected[:1], one["answers"])
    for body in (rows, {"rows": rows}):
        status, many = asked(table_url, json=body)
        assert status == 200
        assert same_answer(expected, many["answers"])


def test_csv_form_and_json_give_the_same_answer(table_url: str, table_rows: Rows) -> None:
    row = table_rows[0][3]
    text = ",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n"
    ways: list[dict[str, Any]] = [
        {"json": row},
        {"content": ("\ufeff" + text).encode(), "headers": {"content-type": "text/csv; charset=utf-8"}},
        {"data": {name: str(value) for name, value in row.items()}},
        {"files": {name: (None, str(value)) for name, value in row.items()}},
        {"content": json.dumps(row), "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"content": json.dumps(row)},
    ]
    said = [asked(table_url, **way) for way in ways]
    assert {status for status, _ in said} == {200}
    assert all(same_answer(said[0][1]["answers"], answer["answers"]) for _, answer in said)


def test_pictures_come_as_files_as_base64_and_as_the_body(digits_url: str, digit_pictures: Pictures) -> None:
    picture = digit_pictures[0][5]
    text = base64.b64encode(picture).decode()
    ways: list[dict[str, Any]] = [
        {"json": {"photo": text}},
        {"json": {"photo": f"data:image/png;base64,{text}"}},
        {"files": {"photo": ("a.png", picture, "image/png")}},
        {"content": picture, "headers": {"content-type": "image/png"}},
    ]
    said = [asked(digits_url, **way) for way in ways]
    assert {status for status, _ in said} == {200}
    assert all(same_answer(said[0][1]["answers"], answer["answers"]) for _, answer in said)


def test_several_files_of_one_field_are_several_rows(
    digits_url: str, digits_bundle: Bundle, digit_pictures: Pictures
) -> None:
    pictures = digit_pictures[0][:7]
    status, said = asked(digits_url, files=[("photo", (f"{n}.png", one)) for n, one in enumerate(pictures)])
    assert status == 200
    assert same_answer(Engine(digits_bundle).answers([{"photo": one} for one in pictures]), said["answers"])


def test_several_pictures_and_fields_of_one_form_are_one_row(mixed_url: str, mixed_bundle: Bundle) -> None:
    row = mixed_bundle.sample["row"]
    files = {name: (f"{name}.png", base64.b64decode(row[name]), "image/png") for name in ("kitchen", "garden")}
    data = {"area": str(row["area"]), "built": row["built"], "heating": json.dumps(row["heating"])}
    status, said = asked(mixed_url, files=files, data=data)
    assert status == 200
    assert same_answer([mixed_bundle.sample["answer"]], said["answers"])
    status, said = asked(mixed_url, files={"garden": files["garden"]}, data={"area": "80"})
    assert status == 200, "a form without the other picture"
    status, said = asked(mixed_url, files={**files, "kitchen": ("", b"", "application/octet-stream")}, data=data)
    assert status == 200, "what a browser sends where no file was chosen"


def test_a_text_comes_as_json_as_a_form_and_as_the_body(text_url: str) -> None:
    text = "球队赢了比赛 & <b>@home</b>"
    ways: list[dict[str, Any]] = [
        {"json": {"message": text}},
        {"data": {"message": text}},
        {"content": text.encode(), "headers": {"content-type": "text/plain; charset=utf-8"}},
    ]
    said = [asked(text_url, **way) for way in ways]
    assert {status for status, _ in said} == {200}
    assert all(same_answer(said[0][1]["answers"], answer["answers"]) for _, answer in said)
    status, answer = asked(text_url, content=b"\xff", headers={"content-type": "text/plain"})
    assert (status, answer["error"]["code"]) == (400, "request.not_utf8")


def test_a_series_of_other_channels_is_named(mixed_url: str) -> None:
    for value in ([1, 2, 3], [[1, 2], [3]], "[[1, 2, 3]]", {"a": [1]}):
        status, said = asked(mixed_url, json={"heating": value, "area": 3})
        assert (status, said["error"]["code"], said["error"]["column"]) == (400, "request.bad_value", "heating")


def test_about_says_of_a_number_what_a_page_needs_to_show_it(mixed_url: str, mixed_bundle: Bundle) -> None:
    about = httpx.get(f"{mixed_url}/about").json()
    assert about["needed"] is None
    assert [field["widget"] for field in about["given"]] == ["image", "image", "number", "date", "series"]
    low, high = about["target"]["usual"]
    assert low < mixed_bundle.sample["answer"]["price"] < high * 2
    assert about["target"]["coverage"] == 0.9
    assert about["headline"]["title"]["zh"] == "平均绝对误差"
    assert about["headline"]["style"] == "amount"


def test_an_upload_larger_than_a_megabyte_touches_no_disk(
    digits_url: str, digit_pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image as Pillow

    stream = io.BytesIO()
    Pillow.open(io.BytesIO(digit_pictures[0][0])).resize((1400, 1400)).save(stream, "BMP")
    monkeypatch.setattr("tempfile.TemporaryFile", None)  # what a spooled file that is too long would turn to
    status, said = asked(digits_url, files={"photo": ("large.bmp", stream.getvalue())})
    assert (status, said["answers"][0]["digit"]) == (200, "0")


TABLE_FAULTS: list[tuple[str, dict[str, Any], int, str]] = [
    ("not JSON", {"content": b"{age: 3}", "headers": {"content-type": "application/json"}}, 400, "not_json"),
    ("empty body", {"content": b""}, 400, "not_json"),
    ("a number", {"json": 3}, 400, "not_a_row"),
    ("a list of numbers", {"json": [3]}, 400, "not_a_row"),
    ("no rows", {"json": []}, 400, "no_rows"),
    ("an empty row", {"json": {}}, 400, "empty_row"),
    ("NaN in JSON", {"content": b'{"mean radius": NaN}'}, 400, "not_json"),
    ("deep JSON", {"content": b"[" * 100_000}, 400, "not_json"),
    ("unknown column", {"json": {"radius": 3}}, 400, "unknown_column"),
    ("the target", {"json": {"malignant": "no"}}, 400, "target_column"),
    ("no number", {"json": {"mean radius": "large"}}, 400, "bad_value"),
    ("a list as a value", {"json": {"大小": ["大"]}}, 400, "bad_value"),
    ("too many rows", {"json": [{"mean radius": 1}] * 1001}, 413, "too_many_rows"),
    ("a video", {"content": b"x", "headers": {"content-type": "video/mp4"}}, 415, "wrong_type"),
    ("a picture", {"content": b"x", "headers": {"content-type": "image/png"}}, 415, "wrong_type"),
    ("packed badly", {"content": b"x", "headers": {"content-encoding": "gzip"}}, 400, "bad_packing"),
    ("packed otherwise", {"content": b"x", "headers": {"content-encoding": "br"}}, 415, "wrong_packing"),
    ("CSV without rows", {"content": b"mean radius\n", "headers": {"content-type": "text/csv"}}, 400, "no_rows"),
    ("empty CSV", {"content": b"", "headers": {"content-type": "text/csv"}}, 400, "no_rows"),
    ("ragged CSV", {"content": b"mean radius\n1,2\n", "headers": {"content-type": "text/csv"}}, 400, "bad_csv"),
    ("CSV, one name twice", {"content": b"a,a\n1,2\n", "headers": {"content-type": "text/csv"}}, 400, "bad_csv"),
    ("CSV, open quote", {"content": b'a\n"1\n', "headers": {"content-type": "text/csv"}}, 400, "bad_csv"),
    ("CSV of Latin-1", {"content": b"gr\xf6\xdfe\n1\n", "headers": {"content-type": "text/csv"}}, 400, "not_utf8"),
    ("form, no boundary", {"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "bad_form"),
    (
        "form, cut off",
        {"content": b"--b\r\nnonsense", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        400,
        "no_rows",
    ),
    (
        "uneven form",
        {"files": [("mean radius", (None, "1")), ("mean radius", (None, "2")), ("大小", (None, "大"))]},
        400,
        "uneven_form",
    ),
]


@pytest.mark.parametrize(
    ("request_", "status", "slug"), [fault[1:] for fault in TABLE_FAULTS], ids=[fault[0] for fault in TABLE_FAULTS]
)
def test_what_is_wrong_is_said_in_the_callers_language(
    table_url: str, request_: dict[str, Any], status: int, slug: str
) -> None:
    texts = set()
    for language, content_language in (("de, zh-CN;q=0.9, en;q=0.3", "zh"), ("en-GB", "en")):
        headers = {**request_.get("headers", {}), "accept-language": language}
        response = httpx.post(f"{table_url}/predict", **{**request_, "headers": headers})
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (status, f"request.{slug}")
        assert response.headers["content-language"] == content_language
        assert error["says"]
        assert error["mend"]
        assert error["request"] == response.headers["x-request-id"]
        texts.add(error["says"])
    assert len(texts) == 2


@pytest.mark.parametrize(
    ("body", "slug"),
    [({"photo": None}, "missing_column"), ({"photo": "%"}, "bad_value"), ({"photo": "aGVsbG8="}, "bad_value")],
)
def test_a_wrong_picture_is_named(digits_url: str, body: Any, slug: str) -> None:
    status, said = asked(digits_url, json=body)
    assert (status, said["error"]["code"]) == (400, f"request.{slug}")
    assert (said["error"]["row"], said["error"]["column"]) == (1, "photo")


def test_why_a_value_is_wrong_is_said_in_the_callers_language(table_url: str) -> None:
    for language, reason in (("zh", "不是数字"), ("en", "not a number")):
        for value in ("large", "small"):
            _, said = asked(table_url, json={"mean radius": value}, headers={"accept-language": language})
            assert reason in said["error"]["says"]


def test_a_picture_of_too_many_pixels_is_refused(digits_url: str) -> None:
    from PIL import Image as Pillow

    stream = io.BytesIO()
    Pillow.new("1", (8000, 8000)).save(stream, "PNG")
    status, said = asked(digits_url, files={"photo": ("bomb.png", stream.getvalue())})
    assert (status, said["error"]["code"]) == (400, "request.bad_value")


def test_a_body_that_is_too_large_is_refused_and_the_service_goes_on(digits_url: str) -> None:
    status, said = asked(digits_url, content=b"x" * ((32 << 20) + 1), headers={"content-type": "image/png"}, timeout=60)
    assert (status, said["error"]["code"]) == (413, "request.too_large")
    assert httpx.get(f"{digits_url}/health/ready").status_code == 200


def test_unknown_addresses_and_methods_are_told_the_way(table_url: str) -> None:
    response = httpx.get(f"{table_url}/nothing")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "request.no_route")
    response = httpx.get(f"{table_url}/predict")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "request.wrong_method")
    assert response.headers["allow"] == "POST"
    response = httpx.get(f"{table_url}/report")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "request.no_report")


def test_every_answer_carries_the_security_headers(digits_url: str) -> None:
    responses = [httpx.get(f"{digits_url}{path}") for path in [*PATHS, "/health/live", "/nothing"]]
    responses += [httpx.post(f"{digits_url}/predict", content=b"{")]
    for response in responses:
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in response.headers
        assert "server" not in response.headers
    assert "unsafe-inline" not in httpx.get(f"{digits_url}/").headers["content-security-policy"]
    assert "sandbox" in httpx.get(f"{digits_url}/report").headers["content-security-policy"]


@pytest.mark.parametrize("path", PATHS)
def test_what_the_page_needs_is_there_and_of_its_type(digits_url: str, path: str) -> None:
    response = httpx.get(f"{digits_url}{path}")
    assert response.status_code == 200
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "": "text/html", "report": "text/html"}
    assert response.headers["content-type"].startswith(kinds.get(path.rpartition("/")[2].rpartition(".")[2], "app"))
    assert "http://" not in response.text.replace("http://www.w3.org", "")
    assert "https://" not in response.text


def test_a_request_keeps_the_id_that_its_sender_gave(table_url: str) -> None:
    assert httpx.get(f"{table_url}/about", headers={"x-request-id": "a-1.b"}).headers["x-request-id"] == "a-1.b"
    own = httpx.get(f"{table_url}/about", headers={"x-request-id": "a b;c"}).headers["x-request-id"]
    assert len(own) == 16


def test_about_says_what_is_served(digits_url: str, digits_bundle: Bundle) -> None:
    about = httpx.get(f"{digits_url}/about").json()
    assert about["name"] == "digits"
    assert about["model"] == digits_bundle.version
    assert about["classes"] == [str(n) for n in range(10)]
    assert [field["widget"] for field in about["given"]] == ["image"]
    assert about["headline"] == {"name": "accuracy", **digits_bundle.figures["accuracy"]}


@pytest.mark.parametrize("which", ["digits", "table", "mixed", "text"])
def test_the_example_of_openapi_is_answered_as_it_says(request: pytest.FixtureRequest, which: str) -> None:
    url = request.getfixturevalue(f"{which}_url")
    document = httpx.get(f"{url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    predict = document["paths"]["/predict"]["post"]
    example = predict["requestBody"]["content"]["application/json"]["example"]
    expected = predict["responses"]["200"]["content"]["application/json"]["example"]
    status, said = asked(url, json=example)
    assert status == 200
    assert same_answer(expected["answers"], said["answers"])
    assert expected.keys() == said.keys()
    row = document["components"]["schemas"]["Row"]
    assert set(example) <= set(row["properties"])
    assert set(row["required"]) <= set(example)
    assert "#/components/schemas/" in json.dumps(document)
    for reference in json.dumps(document).split('"$ref": "#/components/schemas/')[1:]:
        assert reference.partition('"')[0] in document["components"]["schemas"]


def test_openapi_tells_what_may_be_sent_as_the_whole_body(
    digits_url: str, text_url: str, mixed_url: str, table_url: str
) -> None:
    told = {}
    for name, url in (("digits", digits_url), ("text", text_url), ("mixed", mixed_url), ("table", table_url)):
        document = httpx.get(f"{url}/openapi.json").json()
        told[name] = set(document["paths"]["/predict"]["post"]["requestBody"]["content"])
        told[f"{name} required"] = document["components"]["schemas"]["Row"]["required"]
    usual = {"application/json", "multipart/form-data", "text/csv"}
    assert told["mixed"] == told["table"] == usual
    assert told["digits"] == {*usual, "image/*"}
    assert told["text"] == {*usual, "text/plain"}
    assert told["digits required"] == ["photo"]
    assert told["text required"] == ["message"]
    assert told["mixed required"] == told["table required"] == []


def test_health_answers_while_large_requests_are_worked_on(digits_url: str, digit_pictures: Pictures) -> None:
    text = base64.b64encode(digit_pictures[0][0]).decode()

    async def both() -> float:
        async with httpx.AsyncClient(base_url=digits_url, timeout=60) as client:
            large = [asyncio.create_task(client.post("/predict", json=[{"photo": text}] * 1000)) for _ in range(4)]
            await asyncio.sleep(0.05)
            slowest = 0.0
            while not all(task.done() for task in large):
                response = await client.get("/health/live")
                slowest = max(slowest, response.elapsed.total_seconds())
            assert all(task.result().status_code == 200 for task in large)
            return slowest

    assert asyncio.run(both()) < 1.0


def test_more_requests_than_can_be_held_are_told_to_come_again(table_url: str, table_rows: Rows) -> None:
    place = urlsplit(table_url)
    waiting = []
    try:
        for _ in range(Limits().waiting):  # requests whose bodies never arrive
            sock = socket.create_connection((place.hostname, place.port))
            sock.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            waiting.append(sock)
        statuses = set()
        for _ in range(100):
            response = httpx.post(f"{table_url}/predict", json=table_rows[0][0])
            statuses.add(response.status_code)
            if response.status_code == 503:
                break
        assert 503 in statuses
        assert response.headers["retry-after"]
        assert response.json()["error"]["code"] == "request.busy"
    finally:
        for sock in waiting:
            sock.close()
    for _ in range(100):
        if httpx.post(f"{table_url}/predict", json=table_rows[0][0]).status_code == 200:
            return
    pytest.fail("the service did not come free again")


def test_the_log_holds_nothing_of_what_was_sent(table_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for body in ({"大小": "secret-71"}, {"mean radius": "secret-72"}, {"secret-73": 1}):
            httpx.post(f"{table_url}/predict?secret-74", json=body)
        httpx.get(f"{table_url}/secret-75")
    own = [record.getMessage() for record in caplog.records if record.name.startswith(("sixfold", "uvicorn"))]
    assert len(own) >= 4
    assert not any("secret" in line for line in own)


def test_an_error_nobody_meant_is_an_answer_too_and_keeps_what_was_sent_out_of_the_log(
    table_bundle: Bundle, table_rows: Rows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from served import running

    def broken(self: Engine, many: Any) -> Any:
        raise RuntimeError(f"secret-81 {many}")

    with running(table_bundle) as url, caplog.at_level(logging.DEBUG):
        monkeypatch.setattr(Engine, "answered", broken)
        status, said = asked(url, json=table_rows[0][0])
        assert httpx.get(f"{url}/health/live").status_code == 200
    assert (status, said["error"]["code"]) == (500, "service.failed")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith(("sixfold", "uvicorn"))]
    assert any("RuntimeError" in line for line in lines)
    assert not any("secret-81" in line for line in lines)
