"""Archives on a Dask cluster, on S3 and behind https://: the same bytes as here, whatever dies on the way."""

from __future__ import annotations

import contextlib
import functools
import http.server
import lzma
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from cli_inputs import environment, files, fill, put, run, start

from bpf import cases
from btfkit.errors import UnsupportedError
from btfkit.fleet import store
from btfkit.fleet.manifest import JOURNAL, NAME
from btfkit.fleet.store import Remote, open_store
from needs import module

A, MODULES = cases.target_bytes("a.x86_64+modules")
B = cases.target_bytes("b.x86_64")[0]
HERE = "127.0.0.1"
PATIENCE = 300  # seconds


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path)
    return tmp_path


def plant(count):
    packed = lzma.compress(A), lzma.compress(B)
    for number in range(count):
        put(f"debian/13/x86_64/6.12.{number}+deb13-amd64.btf.xz", packed[number % 2])
    put("mine/1/x86_64/6.2/vmlinux", A)
    for name, blob in MODULES.items():
        put(f"mine/1/x86_64/6.2/{name}.ko.xz", lzma.compress(blob))


def without_etags(manifest):
    """A manifest without what a server says of its files."""
    import json

    found = json.loads(manifest)
    for record in found["kernels"].values():
        record.pop("etags", None)
    return found


def free_port():
    with socket.socket() as one:
        one.bind((HERE, 0))
        return one.getsockname()[1]


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"in vain: {what}")


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection((HERE, port), 0.2):
        return True
    return False


@contextlib.contextmanager
def process(*words, **env):
    """A process that is gone afterwards."""
    one = subprocess.Popen(
        [sys.executable, *words], env={**environment(), **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield one
    finally:
        one.kill()
        one.wait()


# ---- Dask ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cluster(here):
    """(address, worker, worker): a scheduler and two workers, processes of their own."""
    module("distributed", "cloud")
    port = free_port()
    address = f"tcp://{HERE}:{port}"
    quiet = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error", "DASK_DISTRIBUTED__WORKER__DAEMON": "false"}
    worker = ["-m", "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard"]
    worker += ["--local-directory", str(here / "dask")]
    scheduler = [
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        HERE,
        "--port",
        str(port),
        "--no-dashboard",
        "--no-show",
    ]
    with process(*scheduler, **quiet), process(*worker, **quiet) as one, process(*worker, **quiet) as other:
        until(lambda: answers(port), "the scheduler")
        yield address, one, other


@pytest.mark.slow
def test_a_dask_cluster_one_worker_of_which_dies(capsys, cluster, here):
    address, victim, survivor = cluster
    plant(100)
    run(capsys, "min", "--archive", "tree", "-o", "here", "fields.bpf.o", "module.bpf.o")
    words = ["min", "--archive", str(here / "tree"), "-o", str(here / "there"), "--scheduler", address]
    client = start([*words, "fields.bpf.o", "module.bpf.o"])

    def some_are_done():
        assert client.poll() is None, client.stderr.read()
        with contextlib.suppress(OSError), open(f"there/{JOURNAL}", "rb") as file:
            return file.read().count(b"\n") > 10
        return False

    until(some_are_done, "the first kernels")
    victim.send_signal(signal.SIGKILL)
    _, err = client.communicate(timeout=PATIENCE)
    assert client.returncode == 0, err.decode()
    assert survivor.poll() is None
    assert files(here / "there") == files(here / "here")
    again = run(capsys, *words, "fields.bpf.o", "module.bpf.o")
    assert "0 made, 101 unchanged, 0 failed" in again.err


@pytest.mark.slow
def test_no_scheduler(capsys, monkeypatch):
    monkeypatch.setattr("btfkit.work.executors.PATIENCE", 1)
    module("distributed", "cloud")
    plant(1)
    said = run(
        capsys, "min", "--archive", "tree", "-o", "out", "--scheduler", f"tcp://{HERE}:{free_port()}", "fields.bpf.o"
    )
    assert said.status == 3
    assert "no Dask scheduler answers" in said.err


# ---- S3 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def s3(monkeypatch):
    """An S3 server on loopback with a bucket."""
    fsspec = module("fsspec", "cloud")
    module("s3fs", "cloud")
    module("moto.server", "cloud")
    port = free_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HERE}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with process("-m", "moto.server", "-H", HERE, "-p", str(port)):
        until(lambda: answers(port), "the S3 server")
        fsspec.filesystem("s3").clear_instance_cache()
        system = fsspec.filesystem("s3", skip_instance_cache=True)
        system.mkdir("bucket")
        yield system


@pytest.mark.slow
def test_in_from_s3_and_out_to_s3(capsys, s3, here):
    plant(12)
    put("debian/13/x86_64/5.1.failed", b"")
    s3.put("tree", "bucket/tree", recursive=True)
    run(capsys, "min", "--archive", "tree", "-o", "here", "fields.bpf.o", "module.bpf.o")
    words = ["min", "--archive", "s3://bucket/tree", "-o", "s3://bucket/out", "-j2", "fields.bpf.o", "module.bpf.o"]
    said = run(capsys, *words)
    assert said.status == 0, said.err
    assert "13 kernels: 13 made" in said.err
    s3.invalidate_cache()
    s3.get("bucket/out", "there", recursive=True)
    ours, theirs = files(here / "here"), files(here / "there")
    assert without_etags(theirs.pop(NAME)) == without_etags(ours.pop(NAME))
    assert ours == theirs
    assert "0 made, 13 unchanged" in run(capsys, *words).err
    s3.pipe_file("bucket/tree/debian/13/x86_64/6.12.0+deb13-amd64.btf.xz", lzma.compress(B))
    s3.rm_file("bucket/tree/debian/13/x86_64/6.12.1+deb13-amd64.btf.xz")
    said = run(capsys, *words)
    assert "12 kernels: 1 made, 11 unchanged" in said.err
    assert "removed: 1 file" in said.err
    run(capsys, "bundle", "create", "one", "here")
    assert run(capsys, "bundle", "create", "s3://bucket/two", "s3://bucket/out").status == 0
    assert run(capsys, "bundle", "verify", "s3://bucket/two").status == 0
    assert len(run(capsys, "bundle", "list", "s3://bucket/two").out.splitlines()) == 12
    absent = run(capsys, "min", "--archive", "s3://bucket/absent", "-o", "x", "fields.bpf.o")
    assert (absent.status, len(absent.err.splitlines())) == (3, 1)
    absent = run(capsys, "min", "--archive", "s3://nobucket/absent", "-o", "x", "fields.bpf.o")
    assert (absent.status, len(absent.err.splitlines())) == (3, 1)


# ---- the web -------------------------------------------------------------------------------------------------------


@pytest.fixture
def web(here):
    """The folder `here` behind http://, with listings."""
    module("fsspec", "cloud")
    module("aiohttp", "cloud")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer((HERE, 0), functools.partial(Quiet, directory=str(here)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{HERE}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_in_from_the_web(capsys, web, here):
    plant(3)
    put("odd/a b%20c.btf", B)
    run(capsys, "min", "--archive", "tree", "-o", "here", "fields.bpf.o", "module.bpf.o")
    said = run(capsys, "min", "--archive", f"{web}/tree", "-o", "there", "-j2", "fields.bpf.o", "module.bpf.o")
    assert said.status == 0, said.err
    ours, theirs = files(here / "here"), files(here / "there")
    assert without_etags(theirs.pop(NAME)) == without_etags(ours.pop(NAME))
    assert ours == theirs
    said = run(capsys, "min", "--archive", "tree", "-o", f"{web}/out", "fields.bpf.o")
    assert (said.status, len(said.err.splitlines())) == (3, 1)
    said = run(capsys, "min", "--archive", f"{web}/absent", "-o", "x", "fields.bpf.o")
    assert (said.status, len(said.err.splitlines())) == (3, 1)


@pytest.fixture
def endless():
    """A server whose answers have no length and no end, and the bytes that it sent."""
    pytest.importorskip("fsspec", reason="no fsspec here (pip install btfkit[cloud])")
    pytest.importorskip("aiohttp", reason="no aiohttp here (pip install btfkit[cloud])")
    sent = [0]

    class Endless(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            with contextlib.suppress(OSError):
                while sent[0] < 64 << 20:
                    sent[0] += self.wfile.write(bytes(1 << 16))

    server = http.server.ThreadingHTTPServer((HERE, 0), Endless)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{HERE}:{server.server_port}", sent
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_body_without_a_length_is_read_up_to_the_limit(capsys, monkeypatch, endless):
    url, sent = endless
    monkeypatch.setenv("BTFKIT_UNPACK_LIMIT", "2M")
    said = run(capsys, "bundle", "list", f"{url}/x.bundle")
    assert said.status == 3
    assert "x.bundle: more than 2097152 bytes, the limit: set BTFKIT_UNPACK_LIMIT to raise it" in said.err
    assert sent[0] < 40 << 20  # what the sockets hold


def test_a_listing_is_read_up_to_a_limit(capsys, monkeypatch, endless):
    url, sent = endless
    monkeypatch.setattr(store, "MAX_LISTING", 2 << 20)
    said = run(capsys, "min", "--archive", f"{url}/tree/", "-o", "out", "fields.bpf.o")
    assert said.status == 3
    assert "its directories are more than 2097152 bytes of HTML" in said.err
    assert sent[0] < 40 << 20


# ---- without the extras --------------------------------------------------------------------------------------------


def test_the_extra_is_named_where_it_is_absent(capsys, monkeypatch):
    for name in ("fsspec", "fsspec.core", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UnsupportedError, match=r"pip install btfkit\[cloud\]"):
        Remote("s3://bucket/tree")
    plant(1)
    said = run(capsys, "min", "--archive", "tree", "-o", "out", "--scheduler", "tcp://127.0.0.1:1", "fields.bpf.o")
    assert said.status == 3
    assert "pip install btfkit[dask]" in said.err


def test_memory_and_unknown_urls():
    module("fsspec", "cloud")
    store = open_store("memory://place")
    store.write("a/b", b"1")
    assert bytes(store.read("a/b")) == b"1"
    assert list(store.walk(lambda path, text: None)) == ["a/b"]
    store.remove("a/b")
    store.remove("a/b")
    assert store.stamp("a/b") == ""
    with pytest.raises(FileNotFoundError):
        store.read("a/b")
    with pytest.raises(UnsupportedError, match="frob"):
        open_store("frob://x")
