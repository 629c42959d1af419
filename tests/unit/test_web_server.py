"""The server of an atlas over real connections: HTTP as clients speak it, many at once, and while the atlas is written."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from cli_inputs import environment
from test_web_app import KEYS, UNAMES, kernel

from btfkit.atlas.file import Atlas
from btfkit.errors import FormatError, UnsupportedError
from btfkit.fleet.atlas import atlas_order
from btfkit.web import server as web_server
from btfkit.web.server import AtlasServer, accepted_hosts, is_loopback


def add(path, number):
    with Atlas.open(str(path), write=True, create=True) as atlas:
        atlas.add(("debian", "12", "x86_64", UNAMES[number]), kernel(number), None, atlas_order)


@pytest.fixture
def atlas(tmp_path):
    path = tmp_path / "k.atlas"
    add(path, 0)
    return path


@pytest.fixture
def server(atlas):
    with AtlasServer(atlas, port=0) as found:
        thread = threading.Thread(target=found.run)
        thread.start()
        yield found
        found.stop()
        thread.join()


def get(server, target, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, target, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def raw(server, data):
    """What the server says to some bytes, and then nothing more."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while piece := connection.recv(65536):
            found += piece
    return found


def test_get_and_head(server):
    answer, body = get(server, "/kernels.json")
    assert answer.status == 200
    assert json.loads(body)["kernels"][0]["key"] == KEYS[0]
    assert int(answer.headers["Content-Length"]) == len(body)
    assert server.url == f"http://127.0.0.1:{server.port}/"
    assert server.is_loopback
    answer, body = get(server, "/kernels.json", "HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0
    answer, body = get(server, f"/btf/{KEYS[0]}/vmlinux")
    assert body == kernel(0).blob
    answer, body = get(server, f"/btf/{KEYS[0]}/vmlinux", **{"If-None-Match": answer.headers["ETag"]})
    assert (answer.status, body) == (304, b"")


def test_one_connection_for_many_requests(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for target, status in (("/", 200), ("/nothing", 404), ("/struct/task", 200), ("/search?q=%00", 400)) * 3:
        connection.request("GET", target)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_names_of_the_host(server):
    assert get(server, "/", Host="localhost:9")[0].status == 200
    assert get(server, "/", Host="rebound.example")[0].status == 421
    assert raw(server, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 421")
    assert accepted_hosts("127.0.0.1", 1, "127.0.0.1") == {"localhost", "127.0.0.1", "[::1]", "[127.0.0.1]"}
    wide = accepted_hosts("0.0.0.0", 1, "0.0.0.0")
    assert wide is not None
    assert {"*", socket.gethostname().lower()} <= wide
    assert not is_loopback("0.0.0.0")
    assert is_loopback("::1")


def test_other_methods_and_what_is_no_request(server):
    answer, _ = get(server, "/", "POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert (
        raw(server, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nGET / HTT").count(b"HTTP/1.1 ")
        == 1
    )
    assert raw(server, b"\x16\x03\x01 no HTTP\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert raw(server, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 414")
    assert raw(server, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n").startswith(b"HTTP/1.1 431")
    assert raw(server, b"") == b""
    answer = raw(server, b"GET /<script> HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"<script>" not in answer.partition(b"\r\n\r\n")[2]


def test_a_mistake_of_ours_is_an_answer_too(server, monkeypatch, capfd):
    monkeypatch.setattr(server._catalog, "reading", lambda: 1 / 0)
    answer, body = get(server, "/struct/task")
    assert answer.status == 500
    assert b"The page could not be made" in body
    assert "/struct/task: ZeroDivisionError" in capfd.readouterr().err
    monkeypatch.undo()
    assert get(server, "/struct/task")[0].status == 200


def test_too_many_connections(atlas, monkeypatch):
    monkeypatch.setattr(web_server, "MOST_CONNECTIONS", 2)
    with AtlasServer(atlas, port=0) as found:
        thread = threading.Thread(target=found.run)
        thread.start()
        held = [socket.create_connection(("127.0.0.1", found.port)) for _ in range(2)]
        for one in held:
            one.sendall(b"GET /kernels.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.1 200"
        assert raw(found, b"") == b""  # closed at once
        for one in held:
            one.close()
        while True:  # until the threads of those have ended
            try:
                assert get(found, "/kernels.json")[0].status == 200
                break
            except (ConnectionError, http.client.HTTPException):
                time.sleep(0.05)
        found.stop()
        thread.join()


def test_many_at_once(server):
    targets = [
        "/",
        "/struct/task",
        "/struct/task.json",
        "/search.json?q=ta",
        f"/btf/{KEYS[0]}/vmlinux",
        "/struct/task/pid",
    ]
    expected = {target: get(server, target)[1] for target in targets}
    wrong = []

    def ask(first):
        for number in range(12):
            target = targets[(first + number) % len(targets)]
            answer, body = get(server, target)
            if answer.status != 200 or body != expected[target]:
                wrong.append((target, answer.status))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


WRITER = """
import sys
sys.path[:0] = sys.argv[2:]
from test_web_server import add
for number in (1, 2, 3):
    add(sys.argv[1], number)
"""


def test_while_another_process_adds(server, atlas):
    """Each answer is of a state with one, two, three or four kernels, whole, and never an error."""
    here = os.path.dirname(os.path.abspath(__file__))
    paths = [here, os.path.dirname(here), os.path.join(os.path.dirname(here), "cli")]
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(atlas), *paths], env=environment())
    seen = set()
    try:
        while writer.poll() is None:
            answer, body = get(server, "/struct/task.json")
            assert answer.status == 200, body
            found = json.loads(body)
            assert found["having"] == list(range(len(found["kernels"])))
            assert found["kernels"] == [key for key in KEYS if key in found["kernels"]]
            seen.add(len(found["kernels"]))
            answer, body = get(server, "/search.json?q=task")
            assert answer.status == 200, body
            assert get(server, f"/btf/{KEYS[0]}/vmlinux")[1] == kernel(0).blob
    finally:
        writer.kill()
        assert writer.wait() == 0
    assert 1 in seen
    assert json.loads(get(server, "/kernels.json")[1])["kernels"][-1]["key"] == KEYS[3]
    deadline = time.monotonic() + 60
    while not json.loads(get(server, "/search.json?q=new_only")[1])["groups"][1]["total"]:
        assert time.monotonic() < deadline, "the index of names was not made again"
        time.sleep(0.05)


def test_errors_at_the_start(tmp_path, atlas):
    with pytest.raises(FileNotFoundError):
        AtlasServer(tmp_path / "nothing.atlas", port=0)
    (tmp_path / "text").write_text("no atlas" * 40)
    with pytest.raises(FormatError, match="not an atlas"):
        AtlasServer(tmp_path / "text", port=0)
    data = bytearray(atlas.read_bytes())
    data[60:64] = (99).to_bytes(4, "big")  # user_version
    (tmp_path / "later.atlas").write_bytes(data)
    with pytest.raises(UnsupportedError, match="an atlas of version 99"):
        AtlasServer(tmp_path / "later.atlas", port=0)
    with AtlasServer(atlas, port=0) as first, pytest.raises(OSError, match="in use") as error:
        AtlasServer(atlas, port=first.port)
    assert error.value.filename == f"127.0.0.1:{first.port}"
    with pytest.raises(OSError, match="no such address"):
        AtlasServer(atlas, host="192.0.2.1", port=0)
    with pytest.raises(OSError, match="0 to 65535"):
        AtlasServer(atlas, port=70_000)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly(atlas, number):
    command = [sys.executable, "-P", "-m", "btfkit", "atlas", "serve", str(atlas), "--port", "0"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    line = process.stderr.readline()
    assert line.startswith(f"{atlas}: 1 kernel at http://127.0.0.1:")
    port = int(line.partition("127.0.0.1:")[2].partition("/")[0])
    idle = socket.create_connection(("127.0.0.1", port))  # a connection that asks for nothing does not hold it up
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    process.send_signal(number)
    assert process.wait(30) == 0
    assert process.stderr.read() == "ended\n"
    idle.close()
    connection.close()
    assert os.listdir(atlas.parent) == ["k.atlas"]
