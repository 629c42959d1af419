"""The pages of an atlas without a socket: what each address is answered with, and what hostile names and addresses do to it."""

from __future__ import annotations

import hashlib
import html
import json
import re
from urllib.parse import quote

import pytest

from btfkit import Builder
from btfkit.atlas import database, encode
from btfkit.atlas.file import Atlas
from btfkit.errors import UnsupportedError
from btfkit.fleet.atlas import atlas_order
from btfkit.web import addresses
from btfkit.web.app import App
from btfkit.web.catalog import Catalog
from btfkit.web.name_index import NameIndex, NameList
from hostile import NAMES

UNAMES = ("6.1.0-1-amd64", "6.1.0-2-amd64", "6.2.0-1-amd64", "6.1.0-1-cloud-amd64")
KEYS = [f"debian/12/x86_64/{uname}" for uname in UNAMES]


def kernel(number: int):
    """A kernel: `state` is called `__state` from number 1 on, `old_only` is gone and `new_only` is there from number 2 on."""
    b = Builder()
    integer = b.int("int", 4, encoding=1)
    head = b.struct("head", 8, [("first", integer, 0), ("second", integer, 32)])
    members = [("pid", integer, 0), ("state" if number < 1 else "__state", integer, 32), ("list", head, 64)]
    members += [("extra", integer, 128)] if number >= 2 else []
    task = b.struct("task", 24 if number >= 2 else 16, members)
    b.struct("holder", 32, [("task", task, 0), ("other", b.ptr(task), 192)])
    b.enum("mode", [("OFF", 0), ("ON", 1), *([("AUTO", 2)] if number >= 2 else [])])
    b.typedef("task_t", task)
    b.func("start", b.func_proto(integer, [("t", b.ptr(task)), *([("flags", integer)] if number >= 2 else [])]))
    b.func("old_only" if number < 2 else "new_only", b.func_proto(0, []))
    for name in NAMES if number == 3 else ():
        b.struct(name, 4, [(name, integer, 0)])
        b.func(name, b.func_proto(integer, [(name, integer)]))
        b.enum(f"e {name}", [(name, 0)])
    return b.build()


def module(base, name):
    b = Builder(base)
    b.struct(f"{name}_device", 8, [("task", b.ptr(base.find_id("task")), 0)])
    b.struct("shared_device", 8, [("task", b.ptr(base.find_id("task")), 0)])
    return b.build()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("web") / "k.atlas"
    least, encode.LEAST_RECORDS = encode.LEAST_RECORDS, 1  # otherwise so few records are stored again
    with Atlas.open(str(path), write=True, create=True) as atlas:
        for number, uname in enumerate(UNAMES):
            btf = kernel(number)
            modules = [("one", module(btf, "one")), ("a/two", module(btf, "two"))] if number == 2 else None
            atlas.add(("debian", "12", "x86_64", uname), btf, modules, atlas_order)
    encode.LEAST_RECORDS = least
    return str(path)


@pytest.fixture(scope="module")
def app(path):
    return App(Catalog(path))


def page(app, target, status=200):
    answer = app.answer("GET", target, {})
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.body.decode()


def document(app, target, status=200):
    answer = app.answer("GET", target, {})
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    return json.loads(answer.body)


def text(markup):
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]*>", " ", re.sub("</?[ab](?: [^>]*)?>", "", markup))))


def test_start(app):
    shown = text(page(app, "/"))
    assert "The BTF of 4 kernels" in shown
    for uname in UNAMES:
        assert uname in shown
    found = document(app, "/kernels.json")
    assert [one["key"] for one in found["kernels"]] == [*KEYS[:3], KEYS[3]]
    assert found["kernels"][2]["modules"] == 2
    assert found["names"]["functions"] == 3 + len(NAMES)
    by_header = app.answer("GET", "/", {"accept": "application/json"})
    assert json.loads(by_header.body) == found
    assert (
        app.answer("GET", "/", {"accept": "text/html,application/json;q=0.9"})
        .headers["Content-Type"]
        .startswith("text")
    )


def test_search(app):
    found = document(app, "/search.json?q=ta")
    groups = {one["group"]: [hit["name"] for hit in one["hits"]] for one in found["groups"]}
    assert groups["types"] == ["task", "task_t"]
    assert groups["functions"] == ["start"]  # what contains it
    assert groups["members"] == ["task", "__state", "state"]
    assert document(app, "/search.json?q=TASK")["groups"][0]["total"] == 2
    assert [hit["name"] for hit in document(app, "/search.json?q=struct ta")["groups"][0]["hits"]] == ["task"]
    path = document(app, "/search.json?q=task.st")["groups"][0]
    assert [hit["name"] for hit in path["hits"]] == ["task.state"]
    assert path["hits"][0]["url"] == "/struct/task/state"
    assert 'href="/struct/task"' in page(app, "/search?q=ta")
    assert "Nothing has this name" in page(app, "/search?q=nothing_of_this_name")
    assert "Search" in page(app, "/search")
    only = document(app, "/search.json?q=ta&in=types&limit=1&from=1")["groups"]
    assert [(one["group"], one["total"], [hit["name"] for hit in one["hits"]]) for one in only] == [
        ("types", 2, ["task_t"])
    ]
    assert "2 to 2 of 2" in text(page(app, "/search?q=ta&in=types&limit=1&from=1"))
    assert "first 1 of 2" in text(page(app, "/search?q=ta&in=types&limit=1"))


def test_a_struct_on_all_kernels(app):
    found = document(app, "/struct/task.json")
    assert found["having"] == [0, 1, 2, 3]
    assert found["definitions"] == 3
    assert found["kernel"] == KEYS[2]  # the newest version
    runs = {one["name"]: [(run["kernels"], run["bit_offset"]) for run in one["runs"]] for one in found["members"]}
    assert runs["state"] == [([0], 32)]
    assert runs["__state"] == [([1, 2], 32), ([3], 32)]  # a run for each series
    assert runs["extra"] == [([2], 128), ([3], 128)]
    assert runs["list"] == [([0, 1, 2], 64), ([3], 64)]
    assert [span["kernels"] for span in found["lines"][0]["spans"]] == [[0], [1], [2], [3]]
    assert found["lines"][0]["spans"][1]["guesses"] == ["state renamed to __state"]
    assert found["layouts"][0]["size"] == 24
    users = {
        group: [(one.get("owner", ""), one["name"]) for one in some["users"]] for group, some in found["users"].items()
    }
    assert users == {
        "hold": [("struct holder", "task")],
        "point": [("struct holder", "other")],
        "functions": [("", "start")],
        "others": [("", "task_t")],
    }
    shown = page(app, "/struct/task?kernel=6.1.0-1-amd64")
    assert '<option value="debian/12/x86_64/6.1.0-1-amd64" selected>' in shown
    assert "on 4 of 4 kernels, 3 different definitions, 16 to 24 bytes" in text(shown)
    assert 'href="/struct/task/extra"' in shown
    data = json.loads(re.search('id="data">(.*?)</script>', shown, re.S)[1])
    assert [one["name"] for one in data["types"][0]["members"]] == ["pid", "state", "list"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/enum/mode", "ON"),
        ("/typedef/task_t", "24 bytes, struct task"),
        ("/function/start", "int start(struct task *t, int flags)"),
        ("/int/int", "4 bytes"),
        ("/function/old_only", "void old_only(void)"),
        ("/name/task", "on 4 of 4 kernels"),
        ("/member/pid", "task.pid"),
    ],
)
def test_other_definitions(app, address, expected):
    assert expected in text(page(app, address))
    assert document(app, address + ".json")["schema"] == 1


def test_a_function_over_kernels(app):
    spans = document(app, "/function/start.json")["lines"][0]["spans"]
    assert [(span["kernels"], span["state"]["text"]) for span in spans] == [
        ([0, 1], "int start(struct task *t)"),
        ([2], "int start(struct task *t, int flags)"),
        ([3], "int start(struct task *t, int flags)"),
    ]
    found = document(app, "/function/old_only.json")
    assert found["having"] == [0, 1]
    assert "6.2.0-1-amd64 does not have it" in text(page(app, "/function/old_only?kernel=6.2.0-1-amd64"))


def test_a_type_of_a_module(app):
    found = document(app, "/struct/one_device.json")
    assert found["having"] == [2]
    assert found["lines"][0]["spans"][1]["state"]["module"] == "one"
    assert found["layouts"][0]["size"] == 8
    assert [one["name"] for one in document(app, "/search.json?q=one_d")["groups"][0]["hits"]] == ["one_device"]
    assert "one_device" in text(page(app, "/member/task"))
    assert "in one" in text(page(app, "/struct/one_device/task"))
    shared = document(app, "/struct/shared_device.json")
    assert shared["lines"][0]["spans"][1]["state"]["module"] == "one, two"


def test_a_member(app):
    found = document(app, "/struct/task/__state.json")
    spans = found["lines"][0]["spans"]
    assert [span["kernels"] for span in spans] == [[0], [1, 2], [3]]
    assert spans[0]["state"] == {"absent": "task has no member '__state'"}
    assert spans[1]["guesses"] == ["renamed from state (int, same type and offset)"]
    assert "renamed from state" in text(page(app, "/struct/task/__state"))
    assert (
        "no kernel has a member 'nope' in struct task"
        in page(app, "/struct/task/nope", 404).replace("&#39;", "'").lower()
    )
    assert document(app, "/enum/mode/ON.json", 404)["status"] == 404


def test_side_by_side(app):
    query = f"old={KEYS[0]}&new={KEYS[2]}"
    found = document(app, f"/diff/struct/task.json?{query}")
    assert found["differs"]
    assert found["changes"] == ["16 -> 24 bytes", "+ extra: int"]
    assert found["guesses"] == ["state renamed to __state"]
    assert (found["old"]["size"], found["new"]["size"]) == (16, 24)
    shown = page(app, f"/diff/struct/task?{query}")
    assert '<tr class="added">' in shown
    assert "No differences" in page(app, f"/diff/struct/head?{query}")
    assert "Only the first kernel has it" in page(app, f"/diff/function/old_only?{query}")
    assert "+ AUTO = 2" in page(app, f"/diff/enum/mode?{query}")
    assert "expected two kernels" in document(app, "/diff/struct/task.json", 400)["error"]
    assert document(app, "/diff/nothing/task.json", 404)["status"] == 404


def test_two_kernels(app):
    found = document(app, f"/compare.json?old={KEYS[0]}&new={KEYS[2]}")
    rows = {(one["kind"], one["name"]): one["what"] for one in found["differences"]}
    assert rows == {
        ("struct", "task"): "changed",
        ("enum", "mode"): "changed",
        ("function", "start"): "changed",
        ("function", "old_only"): "removed",
        ("function", "new_only"): "added",
    }
    assert found["counts"]["struct"] == {"same": 2, "changed": 1, "added": 0, "removed": 0}
    only = document(app, f"/compare.json?old={KEYS[0]}&new={KEYS[2]}&kind=function&what=added")
    assert [one["name"] for one in only["differences"]] == ["new_only"]
    shown = text(page(app, f"/compare?old={KEYS[0]}&new={KEYS[2]}&limit=2"))
    assert "first 2 of 5" in shown
    assert "No differences" in page(app, f"/compare?old={KEYS[0]}&new={KEYS[0]}")
    for query in ("", f"old={KEYS[0]}", f"old={KEYS[0]}&new={KEYS[1]}&what=odd", f"old={KEYS[0]}&new={KEYS[1]}&from=x"):
        document(app, f"/compare.json?{query}", 400)


def test_a_kernel_and_its_bytes(app, path):
    shown = text(page(app, addresses.kernel(KEYS[2])))
    data = kernel(2).blob
    digest = hashlib.sha256(data)
    assert digest.hexdigest() in shown
    assert f"{len(data):,} bytes" in shown
    assert "6 functions" not in shown
    assert "2 functions" in shown
    found = document(app, addresses.kernel(KEYS[2]) + ".json")
    assert found["definitions"]["struct"] == 3
    assert [one["name"] for one in found["modules"]] == ["a/two", "one"]
    answer = app.answer("GET", found["btf"], {})
    assert answer.body == data
    assert answer.headers["Content-Disposition"] == 'attachment; filename="6.2.0-1-amd64.btf"'
    assert answer.headers["ETag"] == f'"{digest.hexdigest()}"'
    again = app.answer("GET", found["btf"], {"if-none-match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    with Atlas.open(path) as atlas:
        modules = dict(atlas.modules(atlas.entry(KEYS[2])))
    for one in found["modules"]:
        assert app.answer("GET", one["btf"], {}).body == modules[one["name"]]
    for address in (
        "/btf",
        "/btf/",
        f"/btf/{KEYS[2]}",
        f"/btf/{KEYS[2]}/three",
        "/btf/x/vmlinux",
        "/kernel/x",
        "/kernel",
    ):
        assert app.answer("GET", address, {}).status == 404


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names(app, name):
    plain = name.encode("utf-8", "backslashreplace").decode()  # as the tables have it
    for address in (
        addresses.definition("struct", plain),
        addresses.definition("function", plain),
        addresses.definition("enum", f"e {plain}"),
        addresses.definition("struct", plain, plain),
        addresses.members(plain),
        addresses.search(plain),
        addresses.pair("struct", plain, KEYS[0], KEYS[3]),
        f"/search?q={quote(name, errors='surrogateescape')}",
        f"/compare?old={KEYS[0]}&new={KEYS[3]}",
        f"/struct/{quote(name + 'x', safe='', errors='surrogateescape')}",
    ):
        answer = app.answer("GET", address, {})
        assert answer.status in ((404,) if address.endswith("x") else (200,)), (address, answer.body)
        shown = re.sub('(?s)id="data">.*?<', 'id="data"><', answer.body.decode())
        assert "onerror='" not in shown
        assert "<svg onload" not in shown
        assert "<script>" not in shown
        assert "{{" not in shown or "7 * 7" in shown
        assert len(re.findall("<script", shown)) == len(re.findall("</script", shown))
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", shown), address
        assert not any("\ud800" <= c <= "\udfff" for c in shown)
        other = app.answer("GET", address, {"accept": "application/json"})
        assert other.status == answer.status
        json.loads(other.body)


@pytest.mark.parametrize(
    "target",
    [
        "/search?q=" + "x" * 300,
        "/search?q=%00",
        "/struct/%00",
        "/search?q=a&in=nothing",
        "/search?q=a&in=types&from=-1",
        "/search?q=a&in=types&limit=99999999999999999999",
        "/search?" + "&".join(f"k{n}=v" for n in range(50)),
        "/" + "a" * 9000,
        "no/slash",
        "http://elsewhere/",
    ],
)
def test_bad_requests(app, target):
    answer = app.answer("GET", target, {})
    assert answer.status == 400
    assert "<h1>Bad request</h1>" in answer.body.decode()


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/struct",
        "/struct/",
        "/struct/a/b/c",
        "/kernels/x",
        "/search/x",
        "/compare/x",
        "/assets/x/atlas.js",
        "/../../etc/passwd",
        "/assets/..%2f..%2fpages.py/x",
        "/%2e%2e/x",
        "/struct/%ff",
        "//",
        "/name/",
        "/member/nothing",
        "/variable/start",
    ],
)
def test_what_is_not_there(app, target):
    answer = app.answer("GET", target, {})
    assert answer.status == 404
    assert document(app, (target if target != "//" else "/x") + ".json", 404)["error"]


def test_sql_in_a_query_is_text(app):
    for text_ in ("'; DROP TABLE names; --", "%", "_", '" OR 1=1', "a' UNION SELECT 1 --"):
        assert document(app, f"/search.json?q={quote(text_)}")["query"] == text_.strip()
        assert app.answer("GET", f"/struct/{quote(text_, safe='')}", {}).status == 404
    assert document(app, "/search.json?q=%25")["groups"][0]["total"] == 0


def test_headers(app):
    for target in ("/", "/struct/task", "/nothing", "/search?q=%00", "/kernels.json", addresses.btf(KEYS[0])):
        headers = app.answer("GET", target, {}).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_other_methods(app):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
        answer = app.answer(method, "/", {})
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("hosts", "host", "accepted"),
    [
        (frozenset({"localhost", "127.0.0.1", "[::1]"}), "localhost:8642", True),
        (frozenset({"localhost", "127.0.0.1", "[::1]"}), "LOCALHOST", True),
        (frozenset({"localhost", "127.0.0.1", "[::1]"}), "127.0.0.1:1", True),
        (frozenset({"localhost", "127.0.0.1", "[::1]"}), "[::1]:8642", True),
        (frozenset({"localhost", "127.0.0.1", "[::1]"}), "evil.example", False),
        (frozenset({"localhost", "127.0.0.1", "[::1]"}), "localhost.evil.example:8642", False),
        (frozenset({"localhost", "127.0.0.1", "[::1]"}), "10.0.0.1", False),
        (frozenset({"localhost", "127.0.0.1", "[::1]"}), "", False),
        (frozenset({"box", "*"}), "10.0.0.1:8642", True),
        (frozenset({"box", "*"}), "[fe80::1]", True),
        (frozenset({"box", "*"}), "box:80", True),
        (frozenset({"box", "*"}), "evil.example", False),
        (frozenset({"box", "*"}), "*", True),
        (None, "whatever", True),
    ],
)
def test_hosts(path, hosts, host, accepted):
    app = App(Catalog(path), hosts)
    assert app.answer("GET", "/kernels.json", {"host": host}).status == (200 if accepted else 421)


def test_assets(app):
    shown = page(app, "/struct/task")
    found = re.findall(r'(?:src|href)="(/assets/[^"]*)"', shown)
    assert {address.rpartition("/")[2] for address in found} == {"icon.svg", "atlas.css", "atlas.js", "layout.js"}
    for address in found:
        answer = app.answer("GET", address, {})
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert app.answer("GET", "/favicon.ico", {}).headers["Content-Type"] == "image/svg+xml"


def test_pages_load_nothing_from_elsewhere(app):
    for target in (
        "/",
        "/struct/task",
        "/struct/task/pid",
        f"/compare?old={KEYS[0]}&new={KEYS[2]}",
        "/search?q=a",
        "/nothing",
    ):
        shown = app.answer("GET", target, {}).body.decode()
        assert not re.search(r"""(?:src|href|action)=["'](?![/#])""", shown), target
        assert not re.search(r"""\s(?:style|on\w+)=["']""", shown), target
    for name in ("atlas.css", "atlas.js", "layout.js", "history.js"):
        body = app.answer("GET", f"/assets/{app._pages.assets[name].digest}/{name}", {}).body.decode()
        assert not re.search(r"https?:|@import|url\(|innerHTML|outerHTML|insertAdjacentHTML|eval\(", body), name


def test_equal_requests_have_equal_answers(app, path):
    other = App(Catalog(path))
    for target in ("/", "/struct/task", "/struct/task.json", "/search?q=a", f"/compare?old={KEYS[0]}&new={KEYS[2]}"):
        assert app.answer("GET", target, {}).body == other.answer("GET", target, {}).body


def test_without_tables(tmp_path):
    path = tmp_path / "k.atlas"
    with Atlas.open(str(path), write=True, create=True, tables=False) as atlas:
        atlas.add(("debian", "12", "x86_64", UNAMES[0]), kernel(0), None, atlas_order)
    app = App(Catalog(str(path)))
    assert "btfkit atlas index k.atlas" in page(app, "/")
    assert app.answer("GET", addresses.btf(KEYS[0]), {}).body == kernel(0).blob
    assert KEYS[0] in page(app, addresses.kernel(KEYS[0]))
    for target in (
        "/search.json?q=task",
        "/struct/task.json",
        f"/compare.json?old={KEYS[0]}&new={KEYS[0]}",
        "/member/pid.json",
    ):
        assert "btfkit atlas index" in document(app, target, 404)["error"]
    with Atlas.open(str(path), write=True) as atlas:
        atlas.index()
    assert document(app, "/search.json?q=task")["groups"][0]["total"] == 2
    assert document(app, "/struct/task.json")["having"] == [0]


def test_an_empty_atlas(tmp_path):
    path = tmp_path / "k.atlas"
    Atlas.open(str(path), write=True, create=True).close()
    app = App(Catalog(str(path)))
    assert "The BTF of 0 kernels" in page(app, "/")
    assert document(app, "/search.json?q=a")["groups"][0]["hits"] == []
    assert app.answer("GET", "/struct/task", {}).status == 404


def test_what_was_added_is_there_at_once(tmp_path):
    path = tmp_path / "k.atlas"

    def add(number):
        with Atlas.open(str(path), write=True, create=True) as atlas:
            atlas.add(("debian", "12", "x86_64", UNAMES[number]), kernel(number), None, atlas_order)

    add(0)
    catalog = Catalog(str(path))
    app = App(catalog)
    assert document(app, "/function/old_only.json")["kernels"] == KEYS[:1]
    add(2)
    assert document(app, "/function/new_only.json")["having"] == [1]
    assert document(app, "/function/old_only.json")["kernels"] == [KEYS[0], KEYS[2]]
    path.unlink()
    add(1)  # another file of that name
    assert document(app, "/kernels.json")["kernels"][0]["key"] == KEYS[1]
    path.unlink()
    assert document(app, "/kernels.json", 503)["error"].endswith("No such file or directory")


def test_a_file_that_is_locked(tmp_path, monkeypatch):
    """While another process rewrites the file (`atlas index`), pages are not available, but names are found in memory."""
    import sqlite3

    path = tmp_path / "k.atlas"
    with Atlas.open(str(path), write=True, create=True) as atlas:
        atlas.add(("debian", "12", "x86_64", UNAMES[0]), kernel(0), None, atlas_order)
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.05)
    app = App(Catalog(str(path)))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert document(app, "/search.json?q=task")["groups"][0]["total"] == 2
    answer = app.answer("GET", "/struct/task", {})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "another process is writing the atlas" in answer.body.decode()
    other.execute("ROLLBACK")
    other.close()
    assert "on 1 of 1 kernel" in text(page(app, "/struct/task"))


def test_damage_is_an_error_page(tmp_path, path):
    import sqlite3

    copy = tmp_path / "k.atlas"
    with open(path, "rb") as file:
        copy.write_bytes(file.read())
    with sqlite3.connect(copy) as db:
        db.execute("UPDATE packs SET recipe = zeroblob(9)")
    db.close()
    app = App(Catalog(str(copy)))
    answer = app.answer("GET", addresses.btf(KEYS[0]), {"accept": "application/json"})
    assert answer.status == 503
    assert "k.atlas" in json.loads(answer.body)["error"]
    assert "k.atlas" in page(app, "/struct/task")  # the rest of the page is there


def test_without_jinja2(path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UnsupportedError, match=r"btfkit\[html\]"):
        App(Catalog(path))


# ---- the index of names ----------------------------------------------------------------------------------------------


def test_names_against_a_plain_search():
    import random

    chance = random.Random(7)
    names = sorted({"".join(chance.choice("abAB_") for _ in range(chance.randrange(1, 7))) for _ in range(400)})
    found = NameList((name, 1) for name in names)
    assert sorted(found[number][0] for number in range(len(found))) == names
    for _ in range(300):
        wanted = "".join(chance.choice("ab_") for _ in range(chance.randrange(1, 4)))
        prefixed = found.beginning(wanted.encode())
        assert {found[n][0] for n in prefixed} == {name for name in names if name.lower().startswith(wanted)}
        within = list(found.containing(wanted.encode(), prefixed))
        assert len(set(within)) == len(within)
        assert {found[n][0] for n in within} == {
            name for name in names if wanted in name.lower() and not name.lower().startswith(wanted)
        }


def test_more_names_than_are_counted():
    rows = {
        "SELECT name_id, kind FROM definitions": [(number, 4) for number in range(5000)],
        "SELECT name_id, kind FROM module_definitions": [],
        "SELECT DISTINCT name_id FROM members": [],
        "SELECT id, name FROM names": [(number, f"x{number:04}_middle") for number in range(5000)],
    }
    index = NameIndex(rows.__getitem__)
    found = index.search("middle", "types", 10)
    assert (found.total, found.capped, len(found.hits)) == (2000, True, 10)
    found = index.search("x0", "types", 10)
    assert (found.total, found.capped, found.hits[0]) == (1000, False, ("x0000_middle", (4,)))
    assert index.search("x0", "types", 10, quick=True).capped
    assert index.search("", "types", 10).hits == []


def test_pages_say_that_modules_are_not_asked(app) -> None:
    """Users, numbers and comparisons are those of vmlinux, and the pages say so."""
    compared = text(page(app, f"/compare?old={KEYS[0]}&new={KEYS[1]}"))
    assert "Only the definitions of vmlinux are compared, not those of modules." in compared
    assert "Those of vmlinux; what only modules define is not counted" in text(page(app, f"/kernel/{KEYS[0]}"))
    assert "In vmlinux; modules are not searched" in text(page(app, f"/struct/task?kernel={KEYS[0]}"))
    here = text(page(app, f"/struct/task?kernel={KEYS[2]}"))
    assert re.search(r"btfkit find DIRECTORY --users 'struct task' ?searches a kernel's directory", here)
    own = text(page(app, "/struct/shared_device"))
    assert re.search(r"In vmlinux and in .*, which defines it; other modules are not searched", own)


def test_a_kernel_that_is_kept_whole_is_not_in_the_tables(tmp_path):
    """Pages do not say that it lacks what it has."""
    with Atlas.open(str(tmp_path / "k.atlas"), write=True, create=True) as atlas:
        for number, uname in enumerate(UNAMES[:2]):
            btf = kernel(number)
            btf = type(btf).from_bytes(btf.blob + bytes(4 * number))
            atlas.add(("debian", "12", "x86_64", uname), btf, None, atlas_order)
    app = App(Catalog(str(tmp_path / "k.atlas")))
    shown = text(page(app, "/struct/task"))
    assert "absent not in the tables, because the atlas keeps this BTF whole" in shown
    assert "nothing has this name" not in shown
    for address in ("/compare?", "/diff/struct/task?"):
        found = document(app, f"{address}old={KEYS[0]}&new={KEYS[1]}".replace("?", ".json?"), 404)
        assert found["error"] == f"{KEYS[1]}: not in the tables, because the atlas keeps this BTF whole"
