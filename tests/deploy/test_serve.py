"""A server under whatever is sent to it."""

import asyncio
import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'runner[deploy]')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install 'runner[deploy]')")

from sklearn.datasets import load_wine

from runner.cli.verbs import answer
from runner.deploy.serve.batching import Worker
from runner.deploy.serve.bounds import Bounds, Refused
from runner.deploy.serve.forms import form_of
from runner.deploy.serve.journal import Journal
from runner.deploy.serve.listening import bound
from runner.run import load
from tests.deploy.served import JSON, WAIT, Served, served

WINE = ("data=wine", "trainer.max_epochs=3")
FACTS = load_wine()
ROWS = [dict(zip(FACTS.feature_names, map(float, row))) for row in FACTS.data]


@pytest.fixture(scope="module")
def wine(trained):
    return trained(*WINE)


@pytest.fixture(scope="module")
def server(wine):
    """One for all tests that leave it as it is: bodies of a megabyte, two seconds."""
    with served(str(wine), "--timeout", "2", "--max-body", "1000000", "--max-wait-ms", "20") as one:
        yield one
        status, told, _ = one.ask("GET", "/health")
        assert (status, told["ready"], told["queue"]) == (200, True, 0)  # after all that was done to it


@pytest.fixture(scope="module")
def expected(wine):
    """What the network says of each row."""
    network = load(wine)
    form = form_of(network)
    return network.predict(form.together(form.read(ROWS)))


def same(row, other):
    assert row["prediction"] == other["prediction"]
    assert {**row, "prediction": 0} == pytest.approx({**other, "prediction": 0}, abs=1e-5)


def test_a_request_is_answered_as_the_network_predicts(server, expected):
    status, told, headers = server.predict({"rows": ROWS})
    assert (status, headers["content-type"]) == (200, "application/json")
    assert len(told["predictions"]) == len(ROWS)
    for row, other in zip(told["predictions"], expected):
        same(row, other)


def test_200_clients_at_once_are_given_their_own_answers(server, expected):
    ready = threading.Barrier(200, timeout=WAIT)

    def one(number):
        ready.wait()
        return [server.predict({"rows": [ROWS[(number + n) % len(ROWS)]]}) for n in range(3)]

    with ThreadPoolExecutor(200) as clients:
        for number, answers in enumerate(clients.map(one, range(200), timeout=WAIT)):
            for n, (status, told, _) in enumerate(answers):
                assert status == 200, told
                same(told["predictions"][0], expected[(number + n) % len(ROWS)])


def test_a_bad_example_fails_alone_among_those_that_come_with_it(server, expected):
    def one(number):
        row = ROWS[number] if number % 4 else {**ROWS[number], "ash": "grey"}
        return server.predict({"rows": [row]})

    with ThreadPoolExecutor(40) as clients:
        for number, (status, told, _) in enumerate(clients.map(one, range(40), timeout=WAIT)):
            if number % 4:
                same(told["predictions"][0], expected[number])
            else:
                assert (status, told) == (422, {"error": "rows[0]: column 'ash': 'grey' is no finite number."})


def test_what_is_known_of_the_network(server):
    _, told, _ = server.ask("GET", "/schema")
    assert (told["task"], told["kind"], told["key"]) == ("classification", "table", "rows")
    assert told["input"]["properties"]["rows"]["items"]["required"] == FACTS.feature_names
    assert told["output"]["properties"]["predictions"]["items"]["properties"]["prediction"] == {
        "enum": ["class_0", "class_1", "class_2"]
    }
    assert server.predict({"rows": [told["example"]]})[0] == 200
    status, health, _ = server.ask("GET", "/health")
    assert status == 200
    assert (health["ready"], health["network"], health["queue"]) == (True, told["network"], 0)
    assert health["uptime"] > 0
    assert health["requests"]["answered"] > 0


ONE = json.dumps({"rows": ROWS[:1]})


@pytest.mark.parametrize(
    ("status", "said", "request_"),
    [
        (404, "There is nothing at /nope", ("GET", "/nope")),
        (404, "There is nothing at /docs", ("GET", "/docs")),
        (404, "There is nothing at", ("GET", "/%2e%2e/%2e%2e/etc/passwd")),
        (405, "GET is not taken at /predict", ("GET", "/predict")),
        (405, "DELETE is not taken at /health", ("DELETE", "/health")),
        (405, "OPTIONS is not taken at /predict", ("OPTIONS", "/predict")),
        (415, "No Content-Type", ("POST", "/predict", ONE)),
        (415, "text/plain", ("POST", "/predict", ONE, {"Content-Type": "text/plain"})),
        (415, "image/png", ("POST", "/predict", b"\x89PNG", {"Content-Type": "image/png"})),
        (415, "Content-Encoding", ("POST", "/predict", b"\x1f\x8b", {**JSON, "Content-Encoding": "gzip"})),
        (400, "no JSON", ("POST", "/predict", "", JSON)),
        (400, "no JSON", ("POST", "/predict", '{"rows": [', JSON)),
        (400, "no UTF-8", ("POST", "/predict", b'{"rows": "\xff"}', JSON)),
        (400, "nested too deeply", ("POST", "/predict", "[" * 400_000, JSON)),
        (400, "nested too deeply", ("POST", "/predict", '{"rows":' * 100_000, JSON)),
        (400, "NaN is no number", ("POST", "/predict", '{"rows": [{"ash": NaN}]}', JSON)),
        (400, "-Infinity is no number", ("POST", "/predict", '{"rows": [-Infinity]}', JSON)),
        (400, "1e999 is larger", ("POST", "/predict", '{"rows": [1e999]}', JSON)),
        (400, "thousands of digits", ("POST", "/predict", '{"rows": [' + "9" * 5000 + "]}", JSON)),
        (422, 'Expected an object {"rows": [...]}', ("POST", "/predict", "3", JSON)),
        (422, "Did you mean 'row'?", ("POST", "/predict", '{"row": []}', JSON)),
        (422, "'more' is not known here", ("POST", "/predict", '{"rows": [{}], "more": 1}', JSON)),
        (422, "holds 0 examples", ("POST", "/predict", '{"rows": []}', JSON)),
        (422, "holds something else", ("POST", "/predict", '{"rows": {}}', JSON)),
        (422, "holds 1,001 examples", ("POST", "/predict", json.dumps({"rows": [{}] * 1001}), JSON)),
        (422, "rows[1]: it has no", ("POST", "/predict", json.dumps({"rows": [ROWS[0], {"ash": 1}]}), JSON)),
        (422, "rows[0]: expected an object", ("POST", "/predict", '{"rows": ["<script>"]}', JSON)),
        (413, "longer than the 1,000,000 bytes", ("POST", "/predict", b" " * 1_000_001, JSON)),
        (413, "longer than", ("POST", "/predict", b" " * 30_000_000, JSON)),
        (403, "alone", ("GET", "/health", None, {"Host": "example.org"})),
        (403, "alone", ("GET", "/", None, {"Host": "127.0.0.1.example.org:80"})),
        (403, "alone", ("POST", "/predict", ONE, {**JSON, "Host": "localhost:1"})),
        (403, "another origin", ("POST", "/predict", ONE, {**JSON, "Origin": "http://example.org"})),
        (403, "another origin", ("POST", "/predict", ONE, {**JSON, "Origin": "null"})),
        (403, "another origin", ("GET", "/schema", None, {"Origin": "http://localhost:3000"})),
    ],
)
def test_what_is_refused(server, status, said, request_):
    given, told, headers = server.ask(*request_)
    assert given == status, told
    assert list(told) == ["error"]
    assert said in told["error"]
    assert len(told["error"]) < 600
    assert "Traceback" not in told["error"]
    assert "access-control-allow-origin" not in headers
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1"])
def test_who_names_this_machine_is_answered(server, host):
    assert server.ask("GET", "/health", None, {"Host": host})[0] == 200
    own = f"{host}:{server.port}"
    assert server.predict({"rows": ROWS[:1]}, {"Host": own, "Origin": f"http://{own}"})[0] == 200


def test_a_body_in_chunks_is_counted_too(server):
    status, told, _ = server.ask("POST", "/predict", iter([b" " * 10_000] * 500), JSON)
    assert (status, "longer than" in told["error"]) == (413, True)
    status, told, _ = server.ask("POST", "/predict", iter([ONE[:50].encode(), ONE[50:].encode()]), JSON)
    assert status == 200


def sent(port, *parts, pause=0.0):
    """All that a server answers to some bytes until it closes, and the seconds until then."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), WAIT) as client:
        client.settimeout(WAIT)
        try:
            for part in parts:
                client.sendall(part)
                time.sleep(pause)
        except OSError:  # it was closed meanwhile
            pass
        answered = b""
        try:
            while more := client.recv(65_536):
                answered += more
        except ConnectionError:
            pass
    return answered, time.monotonic() - begun


HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([b"GET /health HTT"], b"408"),
        ([b"GET /health HTTP/1.1\r\nHost: localhost\r\n"] + [b"X-A: b\r\n"] * 40, b"408"),
        ([HEAD + b"Content-Length: 1000\r\n\r\n"] + [b" "] * 40, b"408"),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n"] + [b"1\r\n \r\n"] * 40, b"408"),
        ([b""], b""),
    ],
    ids=["begun", "dribbled head", "dribbled body", "dribbled chunks", "nothing"],
)
def test_who_sends_slowly_is_sent_away(server, parts, status):
    answered, seconds = sent(server.port, *parts, pause=0.1)
    assert answered[9:12] == status
    assert seconds < 20  # where it would be for ever
    if status:
        assert json.loads(answered.partition(b"\r\n\r\n")[2])["error"]


@pytest.mark.parametrize(
    "content",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http(server, content):
    answered, seconds = sent(server.port, content)
    assert answered[9:10] == b"4" or not answered
    assert seconds < 20
    assert b"Traceback" not in answered


def test_requests_behind_each_other_on_one_connection(server, expected):
    one = HEAD + f"Content-Length: {len(ONE)}\r\n\r\n{ONE}".encode()
    last = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answered, _ = sent(server.port, one + one + last)
    assert answered.count(b"HTTP/1.1 200") == 3
    assert answered.count(expected[0]["prediction"].encode()) >= 2


def test_clients_that_leave_harm_nobody(server):
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", server.port), WAIT) as client:
            client.sendall(HEAD + f"Content-Length: {len(ONE)}\r\n\r\n{ONE}".encode())
    assert server.predict({"rows": ROWS[:1]})[0] == 200


def test_what_was_refused_has_a_line_without_its_content(server):
    time.sleep(1.1)  # the lines of a second are ten, which other tests may have had
    server.predict({"rows": ["SECRET"]})
    server.wait_for(r"422 Unprocessable \w+: POST /predict")
    assert not any("SECRET" in line for line in server.lines)
    assert not any("Traceback" in line for line in server.lines)


def test_lines_are_ten_a_second(monkeypatch):
    lines = []
    journal = Journal(lines.append)
    monkeypatch.setattr(time, "monotonic", lambda: 5.5)
    for _ in range(1000):
        journal.count(503, "POST /predict")
    monkeypatch.setattr(time, "monotonic", lambda: 6.5)
    journal.count(404, "GET /\x1b[2J" + "a" * 1000)
    assert len(lines) == 12
    assert lines[10] == "990 more requests refused"
    assert "\x1b" not in lines[11]
    assert len(lines[11]) < 150
    assert journal.told() == "0 requests answered, refused: 1 with 404, 1,000 with 503"


def asked(bounds, answers, *examples):
    """What `Worker` gives for the examples of some requests at once."""

    async def together():
        worker = Worker(answers, bounds, lambda: len(examples))
        try:
            some = (worker.ask(one) for one in examples)
            return await asyncio.wait_for(asyncio.gather(*some, return_exceptions=True), WAIT), worker.queued
        finally:
            worker.end()

    return asyncio.run(together())


def test_examples_that_come_together_are_asked_together():
    batches = []

    def answers(examples):
        batches.append(list(examples))
        return [{"prediction": example} for example in examples]

    requests = [[1], [2, 3], [4], list(range(10, 17))]
    told, queued = asked(Bounds(max_batch=5, max_wait=5.0), answers, *requests)
    assert [[row["prediction"] for row in rows] for rows in told] == requests
    assert queued == 0
    assert batches == [[1, 2, 3, 4, 10], [11, 12, 13, 14, 15], [16]]


def test_a_lone_client_waits_for_nobody():
    told, _ = asked(Bounds(max_wait=10 * WAIT), lambda examples: [{"prediction": 1}], [1])
    assert told == [[{"prediction": 1}]]


def test_a_large_request_gives_way_after_each_batch():
    seen = []

    def answers(examples):
        seen.extend(examples)
        return [{"prediction": example} for example in examples]

    asked(Bounds(max_batch=2, max_wait=5.0), answers, ["large"] * 20, ["small"], ["small"])
    assert max(place for place, example in enumerate(seen) if example == "small") < 10


def test_what_has_no_room_in_the_queue_is_refused_and_may_come_again():
    taken, go_on = threading.Event(), threading.Event()

    def answers(examples):
        taken.set()
        go_on.wait(WAIT)
        return [{"prediction": example} for example in examples]

    async def full():
        worker = Worker(answers, Bounds(max_batch=1, queue=2), lambda: 0)
        first = asyncio.ensure_future(worker.ask([0]))
        await asyncio.to_thread(taken.wait, WAIT)
        waiting = asyncio.ensure_future(worker.ask([1, 2]))
        await asyncio.sleep(0.05)
        with pytest.raises(Refused) as caught:
            await worker.ask([3])
        waiting.cancel()  # nobody waits for it any more, and its place is free
        await asyncio.gather(waiting, return_exceptions=True)
        again = asyncio.ensure_future(worker.ask([4, 5]))
        await asyncio.sleep(0.05)
        go_on.set()
        told = [row["prediction"] for row in await again]
        worker.end()
        return caught.value, told, [row["prediction"] for row in await first]

    refused, again, first = asyncio.run(asyncio.wait_for(full(), WAIT))
    assert (refused.status, refused.headers) == (503, {"Retry-After": "1"})
    assert (again, first) == ([4, 5], [0])


@pytest.mark.slow
def test_a_queue_that_is_full_and_a_network_that_is_slow_over_http(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(
        "import time\nfrom torch import nn\n\n\nclass Slow(nn.Module):\n    def __init__(self, spec) -> None:\n"
        "        super().__init__()\n        self.linear = nn.Linear(13, spec.num_outputs)\n\n"
        "    def forward(self, inputs):\n        time.sleep(1.0 * (inputs.abs().max() > 50).item())\n"
        "        return self.linear(inputs)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ['PYTHONPATH']}")
    monkeypatch.syspath_prepend(tmp_path)
    trust = "trusted_targets=[my_models]"
    (tmp_path / "options/model").mkdir(parents=True)
    (tmp_path / "options/model/slow.yaml").write_text("# Slow.\n_target_: my_models.Slow\n")
    words = ["--config-dir", "options", "data=wine", "model=slow", "trainer.max_epochs=1", "trainer.evaluation=off"]
    assert answer([*words, trust, "hydra.run.dir=run"]) == 0
    slow = {"rows": [{**ROWS[0], "proline": 1e6}]}
    flags = ("--max-batch", "1", "--queue", "2", "--timeout", "2")
    with served("run", trust, *flags) as server, ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: server.predict(slow), range(8), timeout=WAIT))
        statuses = sorted(status for status, _, _ in answers)
        assert statuses.count(200) >= 1
        assert set(statuses) <= {200, 503, 504}
        assert 503 in statuses
        assert all(headers["retry-after"] == "1" for status, _, headers in answers if status == 503)
        status, told, _ = server.predict({"rows": [slow["rows"][0]] * 3})
        assert (status, told["error"]) == (422, "'rows' holds 3 examples. Expected a list of 1 to 2 examples.")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_once_what_is_under_way_is_answered(wine, number, code):
    with served(str(wine)) as server, socket.create_connection(("127.0.0.1", server.port), WAIT) as client:
        client.settimeout(WAIT)
        client.sendall(HEAD + f"Content-Length: {len(ONE)}\r\n\r\n{ONE[:50]}".encode())
        time.sleep(0.3)  # until it is under way
        server.process.send_signal(number)
        time.sleep(0.5)
        client.sendall(ONE[50:].encode())
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        assert server.ended() == code
        assert any("stopped: 1 request answered" in line for line in server.lines)
        assert not any("Traceback" in line for line in server.lines)


def test_a_port_that_is_taken_names_the_next_that_is_free(server, wine):
    other = Served(str(wine), "--port", str(server.port))
    assert other.ended() == 2
    (line,) = other.lines
    assert line.startswith(f"error: --port {server.port}: can't be listened at (Address already in use). --port ")
    free = int(line.split()[-3])
    assert free > server.port
    bound(free).close()


def test_it_listens_at_this_machine_alone(server):
    mine = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), server.port, socket.AF_INET)}
    for address in mine - {"127.0.0.1"}:
        if not address.startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, server.port), 5).close()
    with bound(0) as one:
        assert one.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--port", "70000"], "--port 70000: expected a number up to 65535."),
        (["--port", "http"], "--port http: expected a whole number"),
        (["--max-batch", "0"], "--max-batch 0: expected a whole number of at least 1."),
        (["--timeout", "0"], "--timeout 0: expected a number from 0.1 to 3600."),
        (["--timeout", "nan"], "--timeout nan: expected a number from 0.1 to 3600."),
        (["--max-wait-ms", "-1"], "--max-wait-ms -1: expected a number from 0 to 10000."),
        (["--queue", "x"], "--queue x: expected a whole number"),
        (["--host", "0.0.0.0"], "--host: not known here."),
        (["more"], "more: not expected."),
        (["--checkpoint", "worst"], "--checkpoint worst: there is no"),
    ],
)
def test_flags_that_mean_nothing(wine, flags, said, capsys):
    port = [] if "--port" in flags else ["--port", "0"]
    assert answer(["serve", str(wine), *port, *flags]) == 2
    assert said in capsys.readouterr().err


def test_what_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert answer(["serve"]) == 2
    assert answer(["serve", "nowhere", "--port", "0"]) == 2
    assert "nowhere: does not exist" in capsys.readouterr().err
    Path("their.onnx").write_bytes(b"")
    assert answer(["serve", "their.onnx", "--port", "0"]) == 2
    assert "their.onnx: nothing says what it is given" in capsys.readouterr().err
