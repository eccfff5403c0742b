"""The Open Inference Protocol over real HTTP, with tensors packed by hand as its pages say."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from graphs import written
from served import running, running_graphs

from sixfold.serving import Bundle, Engine, Exchange, Witness

Rows = tuple[list[dict[str, Any]], list[str]]
Pictures = tuple[list[bytes], list[str]]

NUMBERS = np.arange(16, dtype="<i4").reshape(1, 16)
ONES = np.ones((1, 16), "<i4")


@pytest.fixture(scope="module")
def graph_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return written(tmp_path_factory.mktemp("graphs"))


@pytest.fixture(scope="module")
def url(graph_files: list[Path]) -> Iterator[str]:
    with running_graphs(graph_files) as url:
        yield url


def tensor(name: str, values: np.ndarray, datatype: str = "INT32", **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(values.shape), **more}


def in_json(**more: Any) -> dict[str, Any]:
    tensors = (("INPUT0", NUMBERS), ("INPUT1", ONES))
    return {"inputs": [tensor(name, values, data=values.ravel().tolist()) for name, values in tensors], **more}


def in_binary(said: dict[str, Any], *parts: bytes) -> dict[str, Any]:
    head = json.dumps(said).encode()
    return {"content": head + b"".join(parts), "headers": {"Inference-Header-Content-Length": str(len(head))}}


def raw(values: np.ndarray) -> dict[str, Any]:
    return {"parameters": {"binary_data_size": values.nbytes}}


def outputs(response: httpx.Response) -> dict[str, Any]:
    """Each output's values, whichever way they came."""
    assert response.status_code == 200, response.text
    length = int(response.headers.get("inference-header-content-length", len(response.content)))
    said, rest, found = json.loads(response.content[:length]), response.content[length:], {}
    for output in said["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            found[output["name"]] = output["data"]
            continue
        part, rest = rest[:size], rest[size:]
        if output["datatype"] == "BYTES":
            texts = []
            while part:
                (count,) = struct.unpack("<I", part[:4])
                texts.append(part[4 : 4 + count].decode())
                part = part[4 + count :]
            found[output["name"]] = texts
        else:
            kind = {"INT32": "<i4", "FP64": "<f8"}[output["datatype"]]
            found[output["name"]] = np.frombuffer(part, kind).tolist()
    assert not rest
    return found


def infer(url: str, model: str = "simple", **request: Any) -> httpx.Response:
    return httpx.post(f"{url}/v2/models/{model}/infer", **request)


SUMS = {"OUTPUT0": list(range(1, 17)), "OUTPUT1": list(range(-1, 15))}


def test_json_and_binary_tensors_are_answered_alike(url: str) -> None:
    assert outputs(infer(url, json=in_json())) == SUMS
    nested = {"inputs": [tensor(n, v, data=v.tolist()) for n, v in (("INPUT0", NUMBERS), ("INPUT1", ONES))]}
    assert outputs(infer(url, json=nested)) == SUMS
    said = {"inputs": [tensor("INPUT0", NUMBERS, **raw(NUMBERS)), tensor("INPUT1", ONES, **raw(ONES))]}
    assert outputs(infer(url, **in_binary(said, NUMBERS.tobytes(), ONES.tobytes()))) == SUMS
    said = {"inputs": [in_json()["inputs"][0], tensor("INPUT1", ONES, **raw(ONES))]}
    said["parameters"] = {"binary_data_output": True}
    response = infer(url, **in_binary(said, ONES.tobytes()))
    assert int(response.headers["inference-header-content-length"]) < len(response.content)
    assert outputs(response) == SUMS


def test_outputs_are_sent_as_they_were_asked_for_and_the_id_comes_back(url: str) -> None:
    wanted = [{"name": "OUTPUT1", "parameters": {"binary_data": True}}, {"name": "OUTPUT0"}]
    response = infer(url, json=in_json(id="seven", outputs=wanted))
    length = int(response.headers["inference-header-content-length"])
    said = json.loads(response.content[:length])
    assert (said["id"], said["model_name"], said["model_version"]) == ("seven", "simple", "1")
    assert [output["name"] for output in said["outputs"]] == ["OUTPUT1", "OUTPUT0"]
    assert outputs(response) == SUMS
    assert outputs(infer(url, json=in_json(outputs=[{"name": "OUTPUT0"}]))) == {"OUTPUT0": SUMS["OUTPUT0"]}


def test_texts_come_with_their_lengths_before_them(url: str) -> None:
    texts = [f"{number}" for number in range(16)]
    packed = b"".join(struct.pack("<I", len(text)) + text.encode() for text in texts)
    said = {
        "inputs": [
            {"name": "INPUT0", "datatype": "BYTES", "shape": [1, 16], "parameters": {"binary_data_size": len(packed)}},
            {"name": "INPUT1", "datatype": "BYTES", "shape": [1, 16], "data": ["1"] * 16},
        ],
        "parameters": {"binary_data_output": True},
    }
    found = outputs(infer(url, "simple_string", **in_binary(said, packed)))
    assert found == {name: list(map(str, values)) for name, values in SUMS.items()}


@pytest.mark.parametrize(("packing", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_bodies_are_taken_and_sent_packed(url: str, packing: str, pack: Any) -> None:
    many = np.arange(16 * 200, dtype="<i4").reshape(200, 16)
    tensors = [tensor(name, many, **raw(many)) for name in ("INPUT0", "INPUT1")]
    request = in_binary({"inputs": tensors, "parameters": {"binary_data_output": True}}, many.tobytes(), many.tobytes())
    headers = {**request["headers"], "content-encoding": packing, "accept-encoding": packing}
    response = infer(url, content=pack(request["content"]), headers=headers)
    assert response.headers["content-encoding"] == packing
    assert outputs(response) == {"OUTPUT0": (2 * many).ravel().tolist(), "OUTPUT1": [0] * many.size}


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(url: str) -> None:
    bomb = gzip.compress(b" " * (200 << 20), 9)
    response = infer(url, content=bomb, headers={"content-encoding": "gzip"})
    assert (response.status_code, len(bomb) < 1 << 20) == (413, True)


def test_server_and_models_tell_what_they_are(url: str) -> None:
    server = httpx.get(f"{url}/v2").json()
    assert server["name"] == "sixfold"
    assert {"binary_tensor_data", "statistics", "model_repository"} <= set(server["extensions"])
    said = httpx.get(f"{url}/v2/models/simple/versions/1").json()
    assert (said["name"], said["versions"], said["platform"]) == ("simple", ["1"], "onnxruntime_onnx")
    assert said["inputs"][0] == {"name": "INPUT0", "datatype": "INT32", "shape": [-1, 16]}
    config = httpx.get(f"{url}/v2/models/simple/config").json()
    assert config["input"][0] == {"name": "INPUT0", "data_type": "TYPE_INT32", "dims": [16]}


def test_health_is_told_in_the_words_that_clients_read(url: str) -> None:
    assert httpx.get(f"{url}/v2/health/live").json() == {"live": True}
    assert httpx.get(f"{url}/v2/health/ready").json() == {"ready": True}
    for path in ("simple", "simple/versions/1"):
        assert httpx.get(f"{url}/v2/models/{path}/ready").json()["ready"] is True


def test_what_models_did_is_counted(graph_files: list[Path]) -> None:
    with running_graphs(graph_files) as url:
        infer(url, json=in_json())
        infer(url, json=in_json(outputs=[{"name": "none"}]))
        (stat,) = httpx.get(f"{url}/v2/models/simple/stats").json()["model_stats"]
        assert len(httpx.get(f"{url}/v2/models/stats").json()["model_stats"]) == 3
    assert (stat["name"], stat["version"], stat["inference_count"], stat["execution_count"]) == ("simple", "1", 1, 1)
    assert (stat["inference_stats"]["success"]["count"], stat["inference_stats"]["fail"]["count"]) == (1, 1)
    assert stat["inference_stats"]["success"]["ns"] > 0
    assert [batch["batch_size"] for batch in stat["batch_stats"]] == [1]


def test_models_are_loaded_and_unloaded_only_where_that_is_allowed(url: str, graph_files: list[Path]) -> None:
    assert httpx.post(f"{url}/v2/repository/models/simple/unload").status_code == 403
    with running_graphs(graph_files, may_change=True) as free:
        index = f"{free}/v2/repository/index"
        assert {entry["state"] for entry in httpx.post(index).json()} == {"READY"}
        assert httpx.post(f"{free}/v2/repository/models/simple/unload", json={}).status_code == 200
        assert [entry["name"] for entry in httpx.post(index, json={"ready": True}).json()] == [
            "simple_string",
            "simple_identity",
        ]
        response = infer(free, json=in_json())
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert httpx.get(f"{free}/v2/health/ready").status_code == 503
        assert httpx.get(f"{free}/v2/models/simple/ready").status_code == 503
        assert httpx.post(f"{free}/v2/repository/models/simple/load").status_code == 200
        assert outputs(infer(free, json=in_json())) == SUMS


def test_a_load_that_fails_leaves_the_former_model_answering(tmp_path: Path) -> None:
    files = written(tmp_path)
    with running_graphs(files, may_change=True) as url:
        files[0].write_bytes(b"not a graph")
        response = httpx.post(f"{url}/v2/repository/models/simple/load")
        assert (response.status_code, "cannot be loaded" in response.json()["error"]) == (400, True)
        assert outputs(infer(url, json=in_json())) == SUMS


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("no JSON", {"content": b"{"}, "not a request"),
    ("a list", {"json": []}, "not a JSON object"),
    ("inputs that are none", {"json": {"inputs": 3}}, "`inputs`"),
    ("an input without a name", {"json": {"inputs": [{}]}}, "name"),
    ("an unknown type", {"json": {"inputs": [tensor("INPUT0", ONES, "BF16")]}}, "datatype"),
    ("a shape below nothing", {"json": {"inputs": [{**tensor("INPUT0", ONES), "shape": [-1, 16]}]}}, "shape"),
    ("no data", {"json": {"inputs": [tensor("INPUT0", ONES)]}}, "data"),
    ("too few elements", {"json": {"inputs": [tensor("INPUT0", ONES, data=[1])]}}, "1 elements"),
    ("texts as numbers", {"json": {"inputs": [tensor("INPUT0", ONES, data=["1"] * 16)]}}, "INT32"),
    ("halves as whole numbers", {"json": {"inputs": [tensor("INPUT0", ONES, data=[0.5] * 16)]}}, "INT32"),
    ("numbers out of range", {"json": {"inputs": [tensor("INPUT0", ONES, data=[2**31] * 16)]}}, "INT32"),
    ("huge numbers", {"json": {"inputs": [tensor("INPUT0", ONES, data=[2**63] * 16)]}}, "INT32"),
    ("uneven lists", {"json": {"inputs": [tensor("INPUT0", ONES, data=[[1], 2])]}}, "deep"),
    ("another type", {"json": {"inputs": [tensor("INPUT0", ONES, "INT64", data=[1] * 16)]}}, "INT64"),
    ("another shape", {"json": {"inputs": [tensor("INPUT0", ONES[:, :3], data=[1] * 3)]}}, "shape"),
    ("an unknown input", {"json": {"inputs": [tensor("OTHER", ONES, data=[1] * 16)]}}, "OTHER"),
    ("a missing input", {"json": {"inputs": [tensor("INPUT0", ONES, data=[1] * 16)]}}, "INPUT1"),
    ("an unknown output", {"json": in_json(outputs=[{"name": "OTHER"}])}, "OTHER"),
    (
        "classification",
        {"json": in_json(outputs=[{"name": "OUTPUT0", "parameters": {"classification": 3}}])},
        "offered",
    ),
    ("parameters that are none", {"json": in_json(parameters=3)}, "parameters"),
    ("an id that is a number", {"json": in_json(id=3)}, "id"),
    ("a header that lies", {"content": b"{}", "headers": {"Inference-Header-Content-Length": "9"}}, "Length"),
    ("bytes past the end", in_binary({"inputs": [tensor("INPUT0", ONES, **raw(ONES))]}, b"1234"), "end"),
    ("bytes of no tensor", in_binary(in_json(), b"1234"), "no tensor"),
    (
        "lengths that do not add up",
        in_binary(
            {"inputs": [{"name": "I", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}]},
            b"\xff\xff\xff\xff1",
        ),
        "lengths",
    ),
]


@pytest.mark.parametrize(("request_", "says"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_what_is_wrong_is_told_as_one_sentence(url: str, request_: dict[str, Any], says: str) -> None:
    response = infer(url, **request_)
    assert response.status_code == 400, response.text
    assert says in response.json()["error"]
    headers = {**request_.get("headers", {}), "accept-language": "zh"}
    assert infer(url, **{**request_, "headers": headers}).json()["error"] != response.json()["error"]


def test_an_unknown_model_or_version_is_not_found(url: str) -> None:
    response = infer(url, "other", json=in_json())
    assert response.status_code == 404
    assert response.json()["error"].startswith("Request for unknown model: other")
    assert infer(url, "simple/versions/2", json=in_json()).status_code == 404


def column(name: str, values: list[Any]) -> dict[str, Any]:
    is_number = all(isinstance(value, (int, float)) or value is None for value in values)
    return {"name": name, "datatype": "FP64" if is_number else "BYTES", "shape": [len(values), 1], "data": values}


def test_the_columns_of_a_product_are_tensors(table_url: str, table_bundle: Bundle, table_rows: Rows) -> None:
    rows = table_rows[0][:9]
    said = httpx.get(f"{table_url}/v2/models/tumour").json()
    assert [(entry["name"], entry["datatype"], entry["shape"]) for entry in said["inputs"]] == [
        *((name, "FP64", [-1, 1]) for name in ("mean radius", "mean texture", "worst concavity")),
        ("大小", "BYTES", [-1, 1]),
    ]
    told = {entry["name"]: entry for entry in said["outputs"]}
    assert (told["malignant"]["datatype"], told["probabilities"]["shape"]) == ("BYTES", [-1, 2])
    assert json.loads(told["probabilities"]["parameters"]["labels"]) == ["no", "yes"]
    tensors = [column(name, [row[name] for row in rows]) for name in rows[0]]
    found = outputs(infer(table_url, "tumour", json={"inputs": tensors}))
    expected = Engine(table_bundle).answers(rows)
    assert found["malignant"] == [answer["malignant"] for answer in expected]
    assert found["confidence"] == pytest.approx([answer["confidence"] for answer in expected])
    assert np.reshape(found["probabilities"], (9, 2))[:, 1] == pytest.approx(
        [answer["probabilities"]["yes"] for answer in expected]
    )
    flat = [{**entry, "shape": [9]} for entry in tensors]
    assert outputs(infer(table_url, "tumour", json={"inputs": flat})) == found


def test_other_types_are_taken_as_people_have_them(table_url: str) -> None:
    radius = {"name": "mean radius", "shape": [2, 1]}
    ways = [
        {**radius, "datatype": "FP32", "data": [14.0, 20.0]},
        {**radius, "datatype": "INT16", "data": [14, 20]},
        {**radius, "datatype": "BYTES", "data": ["14", "20.0"]},
    ]
    found = [outputs(infer(table_url, "tumour", json={"inputs": [way]})) for way in ways]
    assert found[0] == found[1] == found[2]


def test_pictures_are_files_in_binary_base64_in_json_or_arrays(digits_url: str, digit_pictures: Pictures) -> None:
    files = digit_pictures[0][:2]
    packed = b"".join(struct.pack("<I", len(file)) + file for file in files)
    head = {"name": "photo", "shape": [2, 1], "datatype": "BYTES"}
    binary = in_binary({"inputs": [{**head, "parameters": {"binary_data_size": len(packed)}}]}, packed)
    texts = {"inputs": [{**head, "data": [base64.b64encode(file).decode() for file in files]}]}
    first = outputs(infer(digits_url, "digits", **binary))
    assert first["digit"] == ["0", "1"]
    assert outputs(infer(digits_url, "digits", json=texts)) == first
    pixels = np.zeros((2, 8, 8), np.uint8)
    array = {"name": "photo", "shape": [2, 8, 8], "datatype": "UINT8", "data": pixels.ravel().tolist()}
    assert infer(digits_url, "digits", json={"inputs": [array]}).status_code == 200


def test_lists_are_json_or_tensors_of_more_axes(mixed_url: str, mixed_rows: list[dict[str, Any]]) -> None:
    series = mixed_rows[0]["heating"]
    told = {"name": "heating", "shape": [1, 1], "datatype": "BYTES", "data": [json.dumps(series)]}
    numbers = {"name": "heating", "shape": [1, *np.shape(series)], "datatype": "FP64", "data": series}
    assert outputs(infer(mixed_url, "houses", json={"inputs": [told]})) == outputs(
        infer(mixed_url, "houses", json={"inputs": [numbers]})
    )


def test_rows_that_cannot_be_answered_name_their_column(table_url: str) -> None:
    response = infer(table_url, "tumour", json={"inputs": [column("mean radius", ["wide"])]})
    assert response.status_code == 400
    assert "mean radius" in response.json()["error"]
    uneven = [column("mean radius", [1.0, 2.0]), column("mean texture", [1.0])]
    assert infer(table_url, "tumour", json={"inputs": uneven}).status_code == 400
    assert infer(table_url, "tumour", json={"inputs": []}).status_code == 400
    many = [column("mean radius", [1.0] * 1001)]
    assert infer(table_url, "tumour", json={"inputs": many}).status_code == 413


def test_a_witness_is_told_the_rows_behind_the_tensors(table_bundle: Bundle) -> None:
    told: list[Exchange] = []
    witness = Witness(told.append)
    with running(table_bundle, witness=witness) as url:
        infer(url, "tumour", json={"inputs": [column("mean radius", [14.0])]})
    witness.close()
    (exchange,) = told
    assert (exchange.endpoint, list(exchange.rows)) == ("/v2/infer", [{"mean radius": 14.0}])
    assert exchange.answers[0]["malignant"] in ("no", "yes")
