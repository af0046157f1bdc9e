"""``serve`` under load: every answer checked, everything that is ill among it, memory and latencies.

    python benchmarks/serving.py outputs/runs/digits --clients 200 --seconds 60

Clients keep their connections and ask again as soon as they are answered, each time about another example whose answer
is known. Beside them others send what is malformed, too large or too slow, or leave. The server is a process of its
own; both share the machine, and the clients take most of it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from runner.deploy.serve.forms import form_of
from runner.run import load

EXAMPLES = 500
TOLERANCE = 1e-4  # of a probability: other numbers in a batch change its last bits


def examples(form, draw):
    """Examples of a kind, as JSON has them: rows about the usual one, images of noise, texts of a few letters."""
    usual = form.sample()
    if form.key == "rows":
        words = {c.name: [*c.words, None] for c in form.transform.columns if c.kind == "words"}
        spread = {c.name: c.measures[0].spread for c in form.transform.columns if c.kind == "number"}
        return [
            {
                name: draw.choice(words[name]) if name in words else round(value + draw.gauss(0, spread[name]), 4)
                for name, value in usual.items()
                if name in words or name in spread
            }
            | {name: value for name, value in usual.items() if name not in words and name not in spread}
            for _ in range(EXAMPLES)
        ]
    if form.key == "images":
        made = []
        for number in range(EXAMPLES):
            shape = (form.transform.height, form.transform.width)
            pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "PNG")
            made.append(base64.b64encode(file.getvalue()).decode())
        return made
    assert form.key == "texts", "rows, images or texts"
    return ["".join(draw.choices("abcde ", k=draw.randrange(1, 200))) for _ in range(EXAMPLES)]


def differs(row, expected):
    if row.keys() != expected.keys():
        return True
    return any(
        abs(value - expected[key]) > TOLERANCE * max(1, abs(expected[key]))
        if isinstance(value, float)
        else value != expected[key] and not sure(expected)
        for key, value in row.items()
    )


def sure(expected):
    """Whether two classes are so near to each other that the last bits decide."""
    shares = sorted(v for k, v in expected.items() if k.startswith("probability_"))
    return len(shares) > 1 and shares[-1] - shares[-2] < TOLERANCE


def memory(process):
    """Resident memory of a process, in MB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1]) / 1024


async def answer(reader):
    """Status, head and content of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
    return int(head[9:12]), head, await reader.readexactly(length)


def request(body, media="application/json", host="localhost"):
    head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def client(port, bodies, expected, until, told, draw):
    """Ask again and again, on one connection as long as it is kept."""
    reader = writer = None
    while time.monotonic() < until:
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = draw.randrange(len(bodies))
        begun = time.perf_counter()
        writer.write(bodies[number])
        status, head, content = await answer(reader)
        told["seconds"].append(time.perf_counter() - begun)
        told["statuses"][status] += 1
        if status == 200:
            (row,) = json.loads(content)["predictions"]
            told["wrong"] += differs(row, expected[number])
        elif b"retry-after" in head.lower():
            await asyncio.sleep(1)
        else:
            told["unclean"] += 1
        if b"connection: close" in head.lower():
            writer.close()
            writer = None
    if writer:
        writer.close()


async def ill(port, kind, until, told):
    """Send what is ill, again and again; count how it is answered."""
    while time.monotonic() < until:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            if kind == "malformed":
                writer.write(request(random.choice([b"{", b"[" * 100_000, b'{"rows": [NaN]}', b"\xff" * 100])))
            elif kind == "no http":
                writer.write(b"\x16\x03\x01\x00\xa5\x01\r\n\r\n")
            elif kind == "oversized":
                writer.write(request(b" " * (9 << 20)))
            elif kind == "wrong host":
                writer.write(request(b"{}", host="example.org"))
            elif kind == "wrong type":
                writer.write(request(b"{}", "text/plain"))
            elif kind == "leaves":
                writer.write(request(b" " * 1000)[:-500])
                await writer.drain()
                continue
            else:  # slow: a byte now and then, of a head or of a body
                whole = request(b" " * 1000)
                for byte in whole[:20] if kind == "slow head" else [whole[:-1000], *[b" "] * 1000]:
                    writer.write(byte if isinstance(byte, bytes) else bytes([byte]))
                    await writer.drain()
                    if reader._buffer or reader.at_eof():
                        break
                    await asyncio.sleep(1)
            status, _, content = await asyncio.wait_for(answer(reader), 60)
            told[kind][status if "error" in json.loads(content) else "no reason"] += 1
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError) as error:
            told[kind][type(error).__name__] += 1
        finally:
            if writer:
                writer.close()
            await asyncio.sleep(0.2)


ILL = ("malformed", "no http", "oversized", "wrong host", "wrong type", "leaves", "slow head", "slow body")


async def load_it(port, process, bodies, expected, clients, seconds):
    told = {"seconds": [], "statuses": Counter(), "wrong": 0, "unclean": 0}
    refused = {kind: Counter() for kind in ILL}
    begun, memories = time.monotonic(), []

    async def watch():
        while time.monotonic() < begun + seconds:
            memories.append(memory(process))
            await asyncio.sleep(1)

    until = begun + seconds
    tasks = [client(port, bodies, expected, until, told, random.Random(n)) for n in range(clients)]
    await asyncio.gather(watch(), *tasks, *(ill(port, kind, until, refused) for kind in ILL))
    return told, refused, memories, time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    given, flags = parser.parse_known_args()
    network = load(given.run)
    form = form_of(network)
    values = examples(form, random.Random(0))
    expected = network.predict(form.together(form.read(values)))
    bodies = [request(json.dumps({form.key: [value]}).encode()) for value in values]
    command = [sys.executable, "-m", "runner", "serve", given.run, "--port", "0", *flags]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = int(re.search(r":(\d+)/", server.stderr.readline())[1])
        lines = []
        threading.Thread(target=lambda: lines.extend(server.stderr), daemon=True).start()
        before = memory(server.pid)
        told, refused, memories, took = asyncio.run(
            load_it(port, server.pid, bodies, expected, given.clients, given.seconds)
        )
    finally:
        server.terminate()
        code = server.wait(60)
    answered, latencies = told["statuses"][200], np.array(told["seconds"]) * 1000
    print(
        f"{given.clients} clients, {took:.0f} s: {len(latencies):,} requests, {answered / took:,.0f} answered a second"
    )
    print(f"statuses {dict(told['statuses'])}; wrong answers {told['wrong']}; other refusals {told['unclean']}")
    middle, late = np.percentile(latencies, (50, 99))
    print(f"latency: median {middle:.1f} ms, p99 {late:.1f} ms, largest {latencies.max():.0f} ms")
    tenth = max(1, len(memories) // 10)
    print(
        f"memory of the server: {before:.0f} MB at first, {np.mean(memories[tenth : 2 * tenth]):.0f} MB after a tenth, "
        f"{np.mean(memories[-tenth:]):.0f} MB at the end, {max(memories):.0f} MB at most"
    )
    for kind, statuses in refused.items():
        print(f"  {kind}: {dict(statuses)}")
    print(f"exit status {code}; {len(lines)} lines in its log; {lines[-1].strip() if lines else ''}")
    return told["wrong"] + told["unclean"]


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
