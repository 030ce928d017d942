"""``/tmp`` belongs to one execution environment and ends with it."""

from __future__ import annotations

import glob
import os

import pytest

KEEPER = """
    import os
    PATH = "/tmp/kept.txt"
    def handler(event, context):
        seen = sorted(os.listdir("/tmp"))
        with open(PATH, "a") as file:
            file.write(event.get("text", "x"))
        if event.get("fail"):
            raise SystemExit(1)
        if event.get("sleep"):
            import time
            time.sleep(event["sleep"])
        return [seen, open(PATH).read()]
    """


def test_a_file_is_kept_for_the_life_of_the_environment_and_gone_with_it(lab):
    lab.function("f", KEEPER)
    assert lab.invoke("f").value == [[], "x"]
    assert lab.invoke("f").value == [["kept.txt"], "xx"]
    assert lab.invoke("f", {"fail": True}).error == "Unhandled"
    assert lab.invoke("f").value == [[], "x"]


def test_two_environments_at_once_do_not_see_each_other(lab):
    lab.function("f", KEEPER, Timeout=60)
    for text in "ab":
        lab.send_event("f", {"text": text, "sleep": 5})
    lab.run()
    values = [done.outcome.payload for done in lab.invocations]
    assert values == [b'[[], "a"]', b'[[], "b"]']


def test_a_restore_leaves_no_tmp_behind(lab):
    lab.function("f", KEEPER)
    state = lab.world.snapshot()
    for _ in range(2):
        assert lab.invoke("f").value == [[], "x"]
        lab.world.restore(state)


def test_the_machines_own_tmp_is_neither_seen_nor_changed(make_lab, tmp_path):
    mine = f"/tmp/stackproof-test-{os.getpid()}"
    with open(mine, "w") as file:
        file.write("mine")
    try:
        lab = make_lab()
        code = f"import os\ndef handler(e, c):\n    there = os.path.exists({mine!r})\n"
        code += f"    open({mine!r}, 'w').close()\n    return there\n"
        lab.function("f", code)
        assert lab.invoke("f").value is False
        assert lab.invoke("f").value is True
        with open(mine) as file:
            assert file.read() == "mine"
        held = len(glob.glob(f"/tmp/stackproof-{os.getpid()}-*"))
        lab.backend.close()
        assert len(glob.glob(f"/tmp/stackproof-{os.getpid()}-*")) == held - 1
    finally:
        os.remove(mine)


WAYS = {
    "pathlib": "from pathlib import Path\np = Path('/tmp/d/x')\np.parent.mkdir()\np.write_text('a')\n"
    "r = [q.name for q in Path('/tmp').rglob('*')]",
    "tempfile": "import tempfile\nf = tempfile.NamedTemporaryFile(delete=False, dir=None)\nf.close()\n"
    "d = tempfile.mkdtemp()\nr = [os.path.dirname(f.name), os.path.dirname(d), len(os.listdir('/tmp'))]",
    "temporary": "from tempfile import NamedTemporaryFile, TemporaryDirectory\n"
    "with TemporaryDirectory() as d, NamedTemporaryFile() as f:\n"
    "    open(d + '/x', 'w').close()\n    n = len(os.listdir('/tmp'))\nr = [n, os.listdir('/tmp')]",
    "shutil": "import shutil\nos.makedirs('/tmp/a/b')\nopen('/tmp/a/b/f', 'w').close()\n"
    "shutil.copytree('/tmp/a', '/tmp/c')\nshutil.move('/tmp/c', '/tmp/m')\nshutil.rmtree('/tmp/a')\n"
    "r = sorted(os.path.join(d, x)[4:] for d, _, fs in os.walk('/tmp') for x in fs)",
    "zip and tar": "import tarfile, zipfile, glob\nopen('/tmp/f', 'w').close()\n"
    "with zipfile.ZipFile('/tmp/z.zip', 'w') as z:\n    z.write('/tmp/f', 'f')\n"
    "with tarfile.open('/tmp/t.tar.gz', 'w:gz') as t:\n    t.add('/tmp/f', 'f')\n"
    "with tarfile.open('/tmp/t.tar.gz') as t:\n    t.extractall('/tmp/out')\n"
    "r = sorted(glob.glob('/tmp/**', recursive=True))",
    "sqlite": "import sqlite3\nc = sqlite3.connect('/tmp/db')\nc.execute('create table t (a)')\nc.close()\n"
    "r = os.listdir('/tmp')",
    "descriptors": "fd = os.open('/tmp/x', os.O_CREAT | os.O_WRONLY)\nos.write(fd, b'ab')\nos.close(fd)\n"
    "os.rename('/tmp/x', '/tmp/y')\nos.symlink('/tmp/y', '/tmp/l')\nr = [os.stat('/tmp/l').st_size]",
    "working directory": "os.chdir('/tmp')\nopen('x', 'w').close()\nr = [os.getcwd(), os.listdir('.')]",
    "bytes": "open(b'/tmp/x', 'wb').close()\nr = [os.listdir(b'/tmp') == [b'x']]",
    "an error": "try:\n    open('/tmp/none')\nexcept OSError as e:\n    r = [e.filename, str(e)]",
}
EXPECTED = {
    "pathlib": ["d", "x"],
    "tempfile": ["/tmp", "/tmp", 2],
    "temporary": [2, []],
    "shutil": ["/m/b/f"],
    "zip and tar": ["/tmp/", "/tmp/f", "/tmp/out", "/tmp/out/f", "/tmp/t.tar.gz", "/tmp/z.zip"],
    "sqlite": ["db"],
    "descriptors": [2],
    "working directory": ["/tmp", ["x"]],
    "bytes": [True],
    "an error": ["/tmp/none", "[Errno 2] No such file or directory: '/tmp/none'"],
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_every_way_of_pythons_own_library_leads_there(lab, way):
    body = "".join(f"    {line}\n" for line in WAYS[way].splitlines())
    lab.function("f", f"import os\ndef handler(event, context):\n{body}    return r\n")
    assert lab.invoke("f").value == EXPECTED[way]


def test_names_of_temporary_files_come_from_the_seed(make_lab):
    code = "import tempfile\ndef handler(e, c):\n    return tempfile.mkdtemp()\n"
    names = []
    for _ in range(2):
        lab = make_lab(seed=4)
        lab.function("f", code)
        names.append(lab.invoke("f").value)
        lab.backend.close()
    assert names[0] == names[1]


def test_an_error_shows_the_frames_of_the_user_only(lab):
    lab.function("f", "def handler(event, context):\n    open('/tmp/none')\n")
    answer = lab.invoke("f").value
    assert answer["errorMessage"] == "[Errno 2] No such file or directory: '/tmp/none'"
    assert len(answer["stackTrace"]) == 1


def test_files_are_brought_from_and_to_a_bucket(lab):
    lab.world.call("s3", "CreateBucket", {"Bucket": "files"}, lab.world.caller())
    lab.world.call(
        "s3", "PutObject", {"Bucket": "files", "Key": "in", "Body": b"some text"}, lab.world.caller()
    )
    lab.function(
        "f",
        """
        import boto3, os
        s3 = boto3.client("s3")
        def handler(event, context):
            s3.download_file("files", "in", "/tmp/in.txt")
            with open("/tmp/in.txt") as file, open("/tmp/out.txt", "w") as out:
                out.write(file.read().upper())
            s3.upload_file("/tmp/out.txt", "files", "out")
            boto3.resource("s3").Object("files", "again").upload_file("/tmp/out.txt")
            return sorted(os.listdir("/tmp"))
        """,
    )
    assert lab.invoke("f").value == ["in.txt", "out.txt"]
    for key in ("out", "again"):
        answer = lab.world.call("s3", "GetObject", {"Bucket": "files", "Key": key}, lab.world.caller())
        assert answer["Body"].read() == b"SOME TEXT"
