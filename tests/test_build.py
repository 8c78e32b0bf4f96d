"""build.sh makes zips that Lambda can run: complete, small, and the same bytes from the same sources."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import pytest
from PIL import Image
from pypdf import PdfWriter

from bundling import package, sbom
from local.bench.starts import ISOLATED, runtime_in
from local.bench.world import Bench
from tests.terraform_tools import HANDLERS, ROOT, built_zips, run_build

LOCK = ROOT / "lambda/requirements.txt"


@pytest.fixture(scope="module")
def zips() -> dict[str, zipfile.ZipFile]:
    return {path.stem: zipfile.ZipFile(path) for path in built_zips()}


@pytest.fixture(scope="module")
def unpacked(zips, tmp_path_factory):
    """Return a function that unpacks a zip, once for all tests: nothing is written there."""

    @cache
    def unpack(handler: str) -> Path:
        task = tmp_path_factory.mktemp("task") / handler
        zips[handler].extractall(task)
        return task

    return unpack


@pytest.fixture
def run_in_lambda(unpacked, tmp_path):
    """Run code as Lambda would: the function's zip, the runtime's boto3, and nothing else of this machine."""
    runtime = runtime_in(tmp_path)

    def run(handler: str, code: str, *arguments: str, environ: Mapping[str, str] = MappingProxyType({})) -> str:
        path = f"import sys; sys.path[:0] = [{str(unpacked(handler))!r}, {str(runtime)!r}]"
        done = subprocess.run(
            [sys.executable, *ISOLATED, "-B", "-c", f"{path}\n{code}", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-west-2", **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


# Invokes a function as its container would, and prints what it answers as the last line.
INVOKED = """
import importlib, json
class Context:
    function_name, memory_limit_in_mb, aws_request_id = "function", 256, "request"
    invoked_function_arn = "arn:aws:lambda:us-west-2:123456789012:function:function"
    def get_remaining_time_in_millis(self):
        return 600_000
print(json.dumps(importlib.import_module(sys.argv[1]).lambda_handler({}, Context()), default=str))
"""


def test_the_functions_carry_a_document_with_what_their_zips_hold(run_in_lambda):
    bench = Bench.with_documents(1, company="companyA")
    try:
        answers = []
        for function, handler in (
            ("odoo-extractor", "odoo_extractor"),
            ("qb-poster", "qb_poster"),
            ("odoo-order-sync", "odoo_order_sync"),
            ("odoo-qb-tie-out", "tie_out"),
        ):
            environ = {**bench.aws.environ, **bench.deployment.environs[function]}
            answers.append(json.loads(run_in_lambda(handler, INVOKED, handler, environ=environ).splitlines()[-1]))
        (entry,) = bench.deployment.entries()
    finally:
        bench.close()
    pulled, posted, synced, compared = answers

    assert (pulled["new"], posted["posted"], synced["statusCode"]) == (1, 1, 200)
    # Each of a company's open months has its report, which takes the libraries of the pages.
    assert len(compared["tie_outs"]) > 0
    assert (entry["status"], entry["pdf_attached"]) == ("posted", True)


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_and_all_it_may_import_come_from_its_zip(run_in_lambda, zips, handler):
    own = [name for name in zips[handler].namelist() if name.startswith("pipeline/") and name.endswith(".py")]
    modules = [name.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".") for name in own]

    said = run_in_lambda(
        handler,
        f"""
import importlib
assert callable(importlib.import_module({handler!r}).lambda_handler)
for name in {modules!r}:
    importlib.import_module(name)
print(len([m for m in sys.modules if m.startswith("pipeline")]))
""",
    )

    assert int(said) == len(modules) > 0


def test_the_extractor_can_draw_and_convert_pages(run_in_lambda, tmp_path):
    images = []
    for kind in ("JPEG", "PNG", "TIFF", "GIF", "WEBP"):
        images.append(tmp_path / f"photo.{kind}")
        Image.new("RGB", (60, 40), "red").save(images[-1], kind)
    document = next((ROOT / "tests/golden/cases").glob("*/document.json"))

    said = run_in_lambda(
        "odoo_extractor",
        """
from pathlib import Path, PurePosixPath
from pipeline.files import pdf as pages
from pipeline.files.plain_page import plain_page
from pipeline.domain.codec import loads
from pipeline.domain.document import Document
document = loads(Document, Path(sys.argv[1]).read_text())
contents = [plain_page(document, ["Żółw", "株式会社"])]
contents += [pages.image_page(Path(name).read_bytes()) for name in sys.argv[2:]]
pages.check(pages.merged(contents))
print(len(contents))
""",
        str(document),
        *map(str, images),
    )

    assert said.strip() == "6"


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_the_extractor_opens_a_print_protected_pdf_with_what_its_zip_holds(run_in_lambda, tmp_path, algorithm):
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("", "of the owner", algorithm=algorithm)
    protected = tmp_path / "protected.pdf"
    writer.write(protected)
    code = "import sys\nfrom pipeline.files import pdf as pages\nprint(pages.check(open(sys.argv[1], 'rb').read()))\n"

    assert run_in_lambda("odoo_extractor", code, str(protected)).strip() == "None"


def test_the_poster_can_refresh_tokens(run_in_lambda):
    said = run_in_lambda(
        "qb_poster",
        """
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from intuitlib.client import AuthClient
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
print(jwt.decode(jwt.encode({"sub": "me"}, key, "RS256"), key.public_key(), ["RS256"])["sub"])
""",
    )

    assert said.strip() == "me"


def test_the_tie_out_lays_out_its_report_with_what_its_zip_holds(run_in_lambda):
    said = run_in_lambda(
        "tie_out",
        """
from datetime import UTC, datetime
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.pages.report import files_of
files = files_of(TieOut("companyA", Month(2026, 10), datetime(2026, 11, 1, tzinfo=UTC)))
print(sorted(files), files["xlsx"][:2], b"<style>:root" in files["html"])
""",
    )

    assert said.strip() == "['html', 'json', 'xlsx'] b'PK' True"


@pytest.mark.parametrize("handler", HANDLERS)
def test_every_module_has_bytecode_that_python_takes_without_a_look_at_the_source(zips, handler):
    names = set(zips[handler].namelist())
    modules = [name for name in names if name.endswith(".py")]

    paths = [PurePosixPath(name) for name in modules]
    compiled = [str(path.parent / "__pycache__" / f"{path.stem}.cpython-312.pyc") for path in paths]

    assert set(compiled) == {name for name in names if name.endswith(".pyc")}
    # PEP 552: the flags after the magic number; 0b01 is "hash-based, unchecked".
    assert {zips[handler].read(name)[4:8] for name in compiled} == {(1).to_bytes(4, "little")}


@pytest.mark.parametrize("handler", HANDLERS)
def test_every_file_is_readable_by_the_user_lambda_runs_code_as(zips, handler):
    entries = zips[handler].infolist()

    assert {entry.external_attr >> 16 for entry in entries} == {stat.S_IFREG | 0o644}
    assert {entry.date_time for entry in entries} == {package.ZIP_EPOCH}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


@pytest.mark.parametrize("handler", HANDLERS)
def test_nothing_is_shipped_that_is_never_used(zips, handler):
    parts = [Path(name).parts for name in zips[handler].namelist()]

    assert not {"boto3", "botocore", "s3transfer", "tests", "bin", "local", "operate", "bundling"} & {
        part for path in parts for part in path[:-1]
    }
    others = {f"{other}.py" for other in HANDLERS} - {f"{handler}.py"}
    assert not others & {path[0] for path in parts}


def test_each_function_ships_only_the_distributions_it_imports(zips):
    shipped = {
        handler: {name.split("-")[0] for name in archive.namelist() if ".dist-info/" in name}
        for handler, archive in zips.items()
    }

    everyone = {"aws_lambda_powertools", "certifi", "idna", "jmespath", "requests"}
    everyone |= {"typing_extensions", "urllib3"}
    assert shipped["odoo_order_sync"] == everyone
    assert shipped["odoo_extractor"] == everyone | {"pillow", "pycryptodome", "pypdf", "reportlab"}
    intuit = {"cffi", "cryptography", "enum_compat", "intuit_oauth", "pyjwt", "six"}
    assert shipped["qb_poster"] == everyone | intuit
    assert shipped["tie_out"] == everyone | intuit | {"jinja2", "markupsafe", "xlsxwriter"}


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_zip_stays_within_its_limit(zips, handler):
    size = Path(zips[handler].filename).stat().st_size

    assert size <= {"odoo_extractor": 9_000_000, "qb_poster": 9_000_000, "tie_out": 9_000_000}.get(handler, 3_000_000)


def test_the_same_sources_give_the_same_bytes_elsewhere(zips, tmp_path):
    elsewhere = tmp_path / "quite" / "elsewhere"
    for name in (
        "build.sh",
        "bundling/__init__.py",
        "bundling/package.py",
        "bundling/sbom.py",
        "bundling/find_python.sh",
        "bundling/install.sh",
    ):
        write(elsewhere / name, (ROOT / name).read_text())
        (elsewhere / name).chmod((ROOT / name).stat().st_mode)
    # Without the files' times, and without rights for anybody else.
    ignored = shutil.ignore_patterns("*.zip", "*.cdx.json", "__pycache__")
    shutil.copytree(ROOT / "lambda", elsewhere / "lambda", ignore=ignored, copy_function=shutil.copyfile)

    # Offline and with nothing at hand uv fails.
    done = run_build(elsewhere, umask=0o077, UV_OFFLINE="1", UV_CACHE_DIR=str(tmp_path / "uv"))

    assert "pip tries" in done.stderr
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == [f"lambda/{name}.zip" for name in HANDLERS]
    for name in HANDLERS:
        for kind in ("zip", "cdx.json"):
            path = f"lambda/{name}.{kind}"
            assert digest(ROOT / path) == digest(elsewhere / path), path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("interned", ["", ".:/"])
def test_bytecode_is_the_same_whatever_the_building_process_has_imported_before(tmp_path, interned):
    source = tmp_path / "module.py"
    source.write_text("AT = ':'\nBETWEEN = '.' + name\nUNDER = '/'\n")
    build = f"""
import sys
from pathlib import Path
from bundling import package
for letter in {interned!r}:
    sys.intern(letter)
package.intern_single_letters()
sys.stdout.buffer.write(package.with_bytecode("module.py", Path({str(source)!r}))["__pycache__/module.cpython-312.pyc"])
"""

    done = subprocess.run([sys.executable, "-c", build], cwd=ROOT, capture_output=True, check=True)

    # A short text of ASCII that is interned; one that is not begins with z.
    assert done.stdout.count(b"\xda\x01.") == 1
    assert b"\xfa\x01." not in done.stdout


# -- the list of what a zip holds ------------------------------------------------------------------------------------

PURL = re.compile(r"pkg:pypi/[a-z0-9-]+@[0-9][\w.+-]*")
PINNED = re.compile(r"^([\w.-]+)==([\w.+-]+)", re.MULTILINE)


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_bill_of_materials_lists_each_distribution_of_the_zip_as_it_is_pinned(zips, handler):
    listed = sbom.of_zip(Path(zips[handler].filename))

    pins = {name.lower().replace("_", "-"): version for name, version in PINNED.findall(LOCK.read_text())}
    found = {component["purl"].removeprefix("pkg:pypi/").partition("@")[::2] for component in listed["components"]}
    shipped = [name for name in zips[handler].namelist() if name.endswith(".dist-info/METADATA")]
    assert len(found) == len(shipped) > 3
    assert found <= set(pins.items())


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_bill_of_materials_keeps_the_rules_of_cyclonedx(zips, handler):
    archive = Path(zips[handler].filename)

    listed = sbom.of_zip(archive)

    # What the schema of 1.6 demands of the parts used here; references are unique and lead somewhere.
    assert (listed["bomFormat"], listed["specVersion"], listed["version"]) == ("CycloneDX", "1.6", 1)
    assert set(listed) == {"$schema", "bomFormat", "specVersion", "version", "metadata", "components", "dependencies"}
    references = [component["bom-ref"] for component in listed["components"]]
    assert len(set(references)) == len(references)
    for component in listed["components"]:
        assert component["type"] == "library"
        assert PURL.fullmatch(component["purl"])
        assert set(component) <= {"type", "bom-ref", "name", "version", "purl", "licenses"}
        for licence in component.get("licenses", []):
            assert set(licence) in ({"expression"}, {"license"})
    (hashed,) = listed["metadata"]["component"]["hashes"]
    assert hashed == {"alg": "SHA-256", "content": hashlib.sha256(archive.read_bytes()).hexdigest()}
    (needs,) = listed["dependencies"]
    assert (needs["ref"], needs["dependsOn"]) == (handler, references)


# -- which functions there are ---------------------------------------------------------------------------------------


def test_every_module_at_the_top_that_defines_a_handler_is_a_function(tmp_path):
    write(tmp_path / "tie_out.py", "def lambda_handler(event, context):\n    return {}\n")
    write(tmp_path / "another.py", "import os\n\ndef lambda_handler(event, context):\n    return {}\n")
    write(tmp_path / "helper.py", "def other():\n    def lambda_handler(event, context):\n        return {}\n")
    write(tmp_path / "pipeline/inner.py", "def lambda_handler(event, context):\n    return {}\n")

    assert package.handlers(tmp_path) == ["another", "tie_out"]


def test_the_functions_of_the_seeds_are_found():
    assert {"odoo_extractor", "qb_poster", "odoo_order_sync"} <= set(HANDLERS)


def test_a_folder_without_a_handler_stops_the_build(tmp_path):
    with pytest.raises(package.BuildError, match=r"no file in .* defines lambda_handler"):
        package.handlers(tmp_path)


# -- what goes in ----------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    """A folder of sources, a folder of libraries, and a function to pack them."""
    sources, libraries = tmp_path / "lambda", tmp_path / "site"
    write(sources / "pipeline/__init__.py", "")
    write(libraries / "alpha/__init__.py", "import beta")
    write(libraries / "alpha/tests/test_it.py", "")
    write(libraries / "beta.py", "")
    write(libraries / "gamma.py", "")
    for name, requires in (
        ("alpha", ["beta[fast]"]),
        ("beta", ["gamma ; extra == 'fast'"]),
        ("gamma", []),
        ("delta", []),
    ):
        info = f"{name}-1.0.dist-info"
        write(
            libraries / info / "METADATA",
            "\n".join(
                [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {requirement}" for requirement in requires)]
            ),
        )
        files = [path.relative_to(libraries) for path in libraries.glob(f"{name}*") if path.is_file()]
        files += [path.relative_to(libraries) for path in libraries.glob(f"{name}*/**/*") if path.is_file()]
        write(libraries / info / "RECORD", "".join(f"{path},,\n" for path in files))

    def pack(handler: str) -> set[str]:
        write(sources / "function.py", handler)
        return set(package.files_of("function", sources, libraries))

    pack.sources = sources
    return pack


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_module_imported_inside_a_function_goes_in_with_its_packages(tree):
    write(tree.sources / "pipeline/deep/__init__.py", "")
    write(tree.sources / "pipeline/deep/late.py", "from . import sister\nfrom ..aunt import name")
    write(tree.sources / "pipeline/deep/sister.py", "")
    write(tree.sources / "pipeline/aunt.py", "")
    write(tree.sources / "pipeline/stranger.py", "")

    contents = tree("def handler():\n    from pipeline.deep import late\n")

    assert contents == {
        "function.py",
        "pipeline/__init__.py",
        "pipeline/aunt.py",
        "pipeline/deep/__init__.py",
        "pipeline/deep/late.py",
        "pipeline/deep/sister.py",
    }


def test_data_beside_a_package_that_goes_in_goes_in_too(tree):
    write(tree.sources / "pipeline/table.json", "{}")

    assert "pipeline/table.json" in tree("import pipeline\n")


def test_a_distribution_goes_in_with_what_it_requires_and_its_extras(tree):
    contents = tree("import alpha\n")

    assert {"alpha/__init__.py", "beta.py", "gamma.py"} <= contents
    assert not [name for name in contents if "delta" in name or "tests" in name]


def test_an_extra_nobody_asked_for_stays_out(tree):
    assert "gamma.py" not in tree("import beta\n")


def test_what_only_the_type_checker_imports_stays_out(tree):
    contents = tree("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import alpha\n    import nowhere\n")

    assert contents == {"function.py"}


def test_what_the_runtime_brings_stays_out(tree):
    assert tree("import boto3\nfrom botocore.exceptions import ClientError\n") == {"function.py"}


def test_an_import_that_would_not_be_in_the_zip_stops_the_build(tree):
    with pytest.raises(package.BuildError, match=r"lambda/function.py imports nowhere, which would not be in the zip"):
        tree("def handler():\n    import nowhere\n")


def test_an_import_of_what_is_left_out_stops_the_build(tree, monkeypatch):
    monkeypatch.setattr(package, "UNUSED", {"alpha": ("alpha/*",)})

    with pytest.raises(package.BuildError, match=r"imports alpha.*its pattern out of UNUSED"):
        tree("import alpha\n")


def test_a_distribution_that_nothing_reaches_stays_out_and_an_import_of_it_stops_the_build(tree, monkeypatch):
    monkeypatch.setattr(package, "UNREACHED", frozenset({"beta"}))

    assert not {name for name in tree("import alpha\n") if name.startswith(("beta", "gamma"))}
    with pytest.raises(package.BuildError, match=r"imports beta.*take it out of UNREACHED"):
        tree("import beta\n")


def test_a_zip_above_its_limit_stops_the_build(tree, tmp_path):
    tree("import alpha\n")

    with pytest.raises(package.BuildError, match=r"function.zip has [\d,]+ bytes, more than its limit of 100"):
        package.build("function", tree.sources, tmp_path / "site", tmp_path / "function.zip", 100)


# -- finding Python --------------------------------------------------------------------------------------------------


def find_python(tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    write(tree / "bundling/find_python.sh", (ROOT / "bundling/find_python.sh").read_text())
    return subprocess.run(
        ["bash", str(tree / "bundling/find_python.sh")],
        env={"PATH": f"{tree}/bin:/usr/bin:/bin", "HOME": str(tree), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shim(path: Path, text: str) -> None:
    write(path, f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_python_that_does_not_run_is_passed_over(tmp_path):
    shim(tmp_path / "bin/python3.12", "echo 'python3.12: command not found' >&2; exit 127")
    shim(tmp_path / "bin/python3", f'exec {sys.executable} "$@"')

    assert find_python(tmp_path).stdout.strip() == sys.executable


def test_a_python_of_pyenv_is_found(tmp_path):
    shim(tmp_path / "bin/python3.12", "exit 127")
    shim(tmp_path / "bin/python3", "exit 127")
    shim(tmp_path / "bin/pyenv", f"echo {tmp_path}/pyenv")
    shim(tmp_path / "pyenv/versions/3.12.1/bin/python", f'exec {sys.executable} "$@"')

    assert find_python(tmp_path).stdout.strip() == sys.executable


def test_without_a_python_3_12_the_message_says_how_to_get_one(tmp_path):
    for name in ("python3.12", "python3", "pyenv", "uv"):
        shim(tmp_path / "bin" / name, "exit 127")

    done = find_python(tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert "No Python 3.12 found" in done.stderr
    assert "PYTHON=/path/to/python3.12" in done.stderr


def test_the_picture_of_the_workflow_is_there_and_small():
    content = (ROOT / "QbWorkflow.png").read_bytes()

    with Image.open(io.BytesIO(content)) as picture:
        assert picture.width >= 1000
    assert len(content) < 150_000
