"""Services on this machine: real processes, that outlive who started them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from sixfold.errors import ServiceError
from sixfold.families import find
from sixfold.security import Home, Keyring
from sixfold.serving import Bundle, same_answer
from sixfold.store import Store
from sixfold.targets import Service, Target
from sixfold.targets.local import Local

pytestmark = pytest.mark.slow

START_SECONDS = 3.0
"""The bar for a pack, from the start of the process to its first answer."""


@pytest.fixture
def services(home: Home) -> Iterator[Home]:
    """A home whose services are stopped afterwards."""
    yield home
    for service in Local(home).services():
        Local(home).stop(service.product)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def deployed(home: Home, bundle: Bundle, **options: Any) -> Service:
    return Local(home, Local.Options(**options)).deploy(bundle)


def model_at(url: str) -> str:
    return str(httpx.get(f"{url}/health/ready").json()["model"])


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def changed(bundle: Bundle) -> Bundle:
    """Another version of the same model, which answers its sample alike."""
    return dataclasses.replace(bundle, product=bundle.product.changed(goal="Another goal."))


def wrong(bundle: Bundle) -> Bundle:
    """A version that does not answer its sample as it was measured."""
    answer = {**bundle.sample["answer"], bundle.target.name: "9"}
    return dataclasses.replace(bundle, sample={**bundle.sample, "answer": answer})


def test_local_is_found_by_its_name() -> None:
    assert find(Target, "local") is Local


def test_a_deployed_service_answers_is_listed_and_stops(services: Home, digits_bundle: Bundle) -> None:
    service = deployed(services, digits_bundle)
    assert (service.product, service.target, service.model) == ("digits", "local", digits_bundle.version)
    assert service.url.startswith("http://127.0.0.1:")
    said = httpx.post(f"{service.url}/predict", json=digits_bundle.sample["row"]).json()
    assert same_answer(digits_bundle.sample["answer"], said["answers"][0])
    assert Local(services).services() == [service]
    assert Local(services).stop("digits")
    assert not is_running(service.details["pid"])
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url)
    assert Local(services).services() == []
    assert not Local(services).stop("digits")
    assert not Local(services).stop("never-deployed")


def test_a_service_goes_on_after_its_starter_ended(services: Home, table_bundle: Bundle, tmp_path: Path) -> None:
    for name, content in table_bundle.members().items():
        (tmp_path / name).write_bytes(content)
    program = (
        "import pathlib, sys; from sixfold.serving import Bundle; from sixfold.security import Home; "
        "from sixfold.targets.local import Local; folder = pathlib.Path(sys.argv[1]); "
        "members = {name: (folder / name).read_bytes() for name in ('bundle.json', 'graph.onnx')}; "
        "print(Local(Home.default()).deploy(Bundle.from_members(members)).url)"
    )
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert model_at(run.stdout.strip()) == table_bundle.version
    (service,) = Local(services).services()
    assert Local(services).stop("tumour")
    assert not is_running(service.details["pid"])


def test_the_same_model_again_restarts_nothing(services: Home, digits_bundle: Bundle) -> None:
    first = deployed(services, digits_bundle)
    assert deployed(services, digits_bundle) == first
    assert deployed(services, digits_bundle, port=first.details["port"]) == first


def test_a_service_that_died_is_started_again_on_its_port(services: Home, digits_bundle: Bundle) -> None:
    first = deployed(services, digits_bundle)
    os.kill(first.details["pid"], signal.SIGKILL)
    os.waitpid(first.details["pid"], 0)
    second = deployed(services, digits_bundle)
    assert second.url == first.url
    assert second.details["pid"] != first.details["pid"]
    assert model_at(second.url) == digits_bundle.version


@pytest.mark.parametrize("explicit", [False, True])
def test_a_new_model_takes_the_port_over_while_callers_go_on(
    services: Home, digits_bundle: Bundle, free_port: int, explicit: bool
) -> None:
    options = {"port": free_port} if explicit else {}
    first = deployed(services, digits_bundle, **options)
    caller = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time, urllib.request\nends = time.time() + 6\nmodels = set()\n"
            "while time.time() < ends and len(models) < 2:\n"
            "    models.add(urllib.request.urlopen(sys.argv[1] + '/health/ready').read())\n"
            "print(len(models))",
            first.url,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.3)
    second = deployed(services, changed(digits_bundle), **options)
    output, complaint = caller.communicate(timeout=30)
    assert (output.strip(), complaint) == ("2", "")
    assert second.url == first.url
    assert second.model != first.model
    assert model_at(second.url) == second.model
    assert not is_running(first.details["pid"])
    assert Local(services).services() == [second]


def test_a_new_model_may_move_to_another_port(services: Home, digits_bundle: Bundle, free_port: int) -> None:
    first = deployed(services, digits_bundle)
    second = deployed(services, digits_bundle, port=free_port)
    assert second.details["port"] == free_port
    assert not is_running(first.details["pid"])
    assert Local(services).services() == [second]


@pytest.mark.parametrize("explicit", [False, True])
def test_a_failing_model_leaves_the_former_one_serving(
    services: Home, digits_bundle: Bundle, free_port: int, explicit: bool
) -> None:
    options = {"port": free_port} if explicit else {}
    first = deployed(services, digits_bundle, **options)
    broken = dataclasses.replace(digits_bundle, graphs={"graph": digits_bundle.graphs["graph"][:300]})
    for bundle, part in ((wrong(digits_bundle), "service.wrong_answer"), (broken, "service.graph_unreadable")):
        with pytest.raises(ServiceError) as caught:
            deployed(services, bundle, **options)
        assert caught.value.slug == "did_not_start"
        assert part in str(caught.value)
        assert "Traceback" not in str(caught.value)
        assert Local(services).services() == [first]
        assert model_at(first.url) == first.model
    kept = [key for stage, key in Store(services, Keyring(services)).steps() if stage == "deploy"]
    assert len(kept) == 1


def test_a_failing_first_model_leaves_nothing_running(services: Home, digits_bundle: Bundle) -> None:
    with pytest.raises(ServiceError):
        deployed(services, wrong(digits_bundle))
    assert Local(services).services() == []
    assert list(Store(services, Keyring(services)).steps()) == []
    said = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False).stdout
    assert str(services.path) not in said


def test_a_port_that_another_program_has_is_named(services: Home, digits_bundle: Bundle) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServiceError) as caught:
            deployed(services, digits_bundle, port=port)
    assert caught.value.slug == "port_taken"
    assert str(port) in caught.value.says()
    assert Local(services).services() == []


def test_a_port_of_another_product_is_taken_too(services: Home, digits_bundle: Bundle, table_bundle: Bundle) -> None:
    first = deployed(services, digits_bundle)
    with pytest.raises(ServiceError) as caught:
        deployed(services, table_bundle, port=first.details["port"])
    assert caught.value.slug == "port_taken"
    other = deployed(services, table_bundle)
    assert [service.product for service in Local(services).services()] == ["digits", "tumour"]
    assert other.url != first.url


def test_an_address_of_another_machine_is_refused(services: Home, digits_bundle: Bundle) -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(ServiceError) as caught:
            deployed(services, digits_bundle, host=host)
        assert caught.value.slug == "no_such_host"


def test_a_bundle_is_served_in_the_foreground_until_it_is_told_to_stop(table_bundle: Bundle, tmp_path: Path) -> None:
    for name, content in table_bundle.members().items():
        (tmp_path / name).write_bytes(content)
    program = (
        "import pathlib, sys; from sixfold.serving import Bundle, serve; folder = pathlib.Path(sys.argv[1]); "
        "members = {name: (folder / name).read_bytes() for name in ('bundle.json', 'graph.onnx')}; "
        "serve(Bundle.from_members(members), on_ready=lambda url: print(url, flush=True))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert model_at(url) == table_bundle.version
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("port", [0, -1, 65536, "x"])
def test_a_port_that_does_not_exist_is_refused(port: Any) -> None:
    with pytest.raises(ValidationError):
        Local.Options(port=port)


def test_a_process_that_only_has_the_same_number_is_never_ended(services: Home, digits_bundle: Bundle) -> None:
    service = deployed(services, digits_bundle)
    record = services.path / "services" / "digits" / "service.json"
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        text = record.read_text()
        record.write_text(text.replace(f'"pid":{service.details["pid"]}', f'"pid":{bystander.pid}'))
        assert Local(services).services() == []
        record.write_text(text.replace(f'"pid":{service.details["pid"]}', f'"pid":{bystander.pid}'))
        assert not Local(services).stop("digits")
        assert bystander.poll() is None
        record.write_text(text)
    finally:
        bystander.kill()
        bystander.wait()


def test_a_damaged_record_is_no_service(services: Home, digits_bundle: Bundle) -> None:
    folder = services.folder("services") / "digits"
    folder.mkdir()
    (folder / "service.json").write_text("{")
    assert Local(services).services() == []
    deployed(services, digits_bundle)
    assert len(Local(services).services()) == 1


def test_nothing_of_the_model_or_the_rows_lies_in_clear(services: Home, digits_bundle: Bundle) -> None:
    service = deployed(services, digits_bundle)
    httpx.post(f"{service.url}/predict", json={"photo": "c2VjcmV0"})
    photo = digits_bundle.sample["row"]["photo"].encode()
    for path in services.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert photo not in content
            assert digits_bundle.graphs["graph"][:200] not in content
            assert b"c2VjcmV0" not in content
            assert path.stat().st_mode & 0o077 == 0, path
    log = services.path / "services" / "digits" / "log"
    ends = time.monotonic() + 10  # the line is written after the answer
    while "/predict 400" not in log.read_text():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell a process' time in /proc")
def test_the_first_answer_costs_little(services: Home, digits_bundle: Bundle) -> None:
    service = deployed(services, digits_bundle)
    httpx.post(f"{service.url}/predict", json=digits_bundle.sample["row"]).raise_for_status()
    fields = Path(f"/proc/{service.details['pid']}/stat").read_text().rpartition(")")[2].split()
    # Time on the processor, not on the wall: tests may share the machine.
    assert (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") < START_SECONDS


def test_the_service_imports_nothing_that_trains(services: Home) -> None:
    program = (
        "import sys, sixfold.serving.__main__, sixfold.serving._app, uvicorn, onnxruntime; "
        "print([name for name in ('keras', 'tensorflow', 'polars', 'sklearn', 'scipy', 'matplotlib', 'onnx', 'pandas', "
        "'rich', 'httpx') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
