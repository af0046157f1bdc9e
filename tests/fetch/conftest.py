"""A small set, a publisher on this machine, and package clients that are small scripts."""

import gzip
import hashlib
import http.server
import re
import shutil
import threading

import pytest

from runner.fetch.download import Download, Remote
from runner.fetch.published import File, Published

CONTENTS = {"numbers.bin": bytes(range(256)) * 4000, "labels.txt": b"a\nb\n" * 50}


def file_of(content):
    return File(hashlib.sha256(content).hexdigest(), len(content))


def published(*ways, contents=None):
    """A set whose files are `contents`."""
    files = {name: file_of(content) for name, content in (contents or CONTENTS).items()}
    return Published("small", "a small set", "CC0", files, ways)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; what is really on this machine is not found."""
    monkeypatch.setenv("RUNNER_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder that is the whole PATH; `write(name, body)` puts a script into it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(name, body):
        (folder / name).write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\n{body}\n")
        (folder / name).chmod(0o755)

    return write


class Server:
    """Serves `files`; knows ranges unless told otherwise, and can cut an answer short.

    Attributes:
        files: content by path.
        asked: path and ``Range`` of every request.
        cut: bytes after which the connection is closed, or None.
        ranges: whether it knows them.
        promised: by path, what it says of the length where that is not the truth.
    """

    def __init__(self):
        self.files, self.asked, self.cut, self.ranges, self.promised = {}, [], None, True, {}

    def download(self, *remotes):
        return Download((f"http://127.0.0.1:{self.port}/",), remotes)

    def plain(self, contents=None):
        """The way to get `contents`, which it serves."""
        contents = contents or CONTENTS
        self.files |= contents
        return self.download(*(Remote(name, len(content)) for name, content in contents.items()))

    def gzipped(self, contents=None):
        packed = {f"{name}.gz": gzip.compress(content) for name, content in (contents or CONTENTS).items()}
        return self.plain(packed)


@pytest.fixture
def server():
    server = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content, wanted = server.files.get(self.path[1:]), self.headers.get("Range")
            server.asked.append((self.path[1:], wanted))
            if content is None:
                self.send_error(404, "Not here")
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and server.ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(server.promised.get(self.path[1:], len(content) - start)))
            self.end_headers()
            self.wfile.write(content[start:][: server.cut])
            self.close_connection = True

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        server.port = http_server.server_port
        threading.Thread(target=http_server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        http_server.shutdown()
