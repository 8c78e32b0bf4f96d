"""Pack one zip per function: its own modules, the distributions these import, and the bytecode of both.

`build.sh` calls it with the sources and a folder of unpacked wheels. What goes in follows from the imports, read with
`ast` so that an import inside a function counts too. `UNUSED` lists what is left out of a large distribution.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import marshal
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, distributions
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path, PurePosixPath
from typing import Any

from bundling import sbom

MB = 1_000_000

# The most a zip may weigh: size is what a cold start pays for, and growth should be a decision. The extractor makes
# pages of photographs, the poster and the tie-out bring Intuit's client; a function that does neither stays small.
LIMIT_BYTES = 3 * MB
LIMITS_BYTES = {"odoo_extractor": 9 * MB, "qb_poster": 9 * MB, "tie_out": 9 * MB}

# What Lambda's runtime brings along.
IN_THE_RUNTIME = frozenset({"boto3", "botocore"})

# Never read at run time: type stubs, tests, command-line scripts, and of the metadata all but name and licences.
UNUSED_ANYWHERE = (
    "*.pyi",
    "*.pth",
    "*/py.typed",
    "bin/*",
    "*/tests/*",
    "*.dist-info/INSTALLER",
    "*.dist-info/RECORD",
    "*.dist-info/REQUESTED",
    "*.dist-info/WHEEL",
    "*.dist-info/direct_url.json",
    "*.dist-info/entry_points.txt",
    "*.dist-info/sboms/*",
    "*.dist-info/top_level.txt",
    "*.dist-info/zip-safe",
)

# Distributions that others require and no function reaches. An import of ours that names one stops the build.
UNREACHED = frozenset(
    {
        "charset-normalizer",  # `requests` guesses an encoding with it, and takes UTF-8 without it
        "oauthlib",  # only what moves from OAuth 1 uses these two in Intuit's client
        "requests-oauthlib",
        "pycparser",  # cffi reads declarations of C with it, when extensions are built
    }
)

# What no function reaches inside a distribution. An import of ours that names one of these files stops the build.
UNUSED: Mapping[str, tuple[str, ...]] = {
    # We use the logger and the metrics, which use two utilities (typing, jmespath_utils).
    "aws-lambda-powertools": (
        "aws_lambda_powertools/event_handler/*",
        "aws_lambda_powertools/utilities/auth_alpha/*",
        "aws_lambda_powertools/utilities/batch/*",
        "aws_lambda_powertools/utilities/circuit_breaker/*",
        "aws_lambda_powertools/utilities/data_classes/*",
        "aws_lambda_powertools/utilities/data_masking/*",
        "aws_lambda_powertools/utilities/feature_flags/*",
        "aws_lambda_powertools/utilities/idempotency/*",
        "aws_lambda_powertools/utilities/kafka/*",
        "aws_lambda_powertools/utilities/metadata/*",
        "aws_lambda_powertools/utilities/parameters/*",
        "aws_lambda_powertools/utilities/parser/*",
        "aws_lambda_powertools/utilities/streaming/*",
        "aws_lambda_powertools/utilities/validation/*",
    ),
    # cryptography needs cffi's compiled backend only; the compiler of C declarations is for building extensions.
    "cffi": ("cffi/*",),
    "intuit-oauth": ("intuitlib/migration.py",),
    # pypdf decrypts with AES (CBC, ECB) and RC4; none of the rest is reached.
    "pycryptodome": (
        "Crypto/Hash/*",
        "Crypto/IO/*",
        "Crypto/Math/*",
        "Crypto/Protocol/*",
        "Crypto/PublicKey/*",
        "Crypto/SelfTest/*",
        "Crypto/Signature/*",
        "Crypto/Cipher/ARC2.*",
        "Crypto/Cipher/Blowfish.*",
        "Crypto/Cipher/CAST.*",
        "Crypto/Cipher/ChaCha20*",
        "Crypto/Cipher/DES*",
        "Crypto/Cipher/PKCS1_*",
        "Crypto/Cipher/Salsa20.*",
        "Crypto/Cipher/_EKSBlowfish.*",
        "Crypto/Cipher/_Salsa20*",
        "Crypto/Cipher/_chacha20*",
        "Crypto/Cipher/_pkcs1*",
        "Crypto/Cipher/_raw_arc2*",
        "Crypto/Cipher/_raw_blowfish*",
        "Crypto/Cipher/_raw_cast*",
        "Crypto/Cipher/_raw_des*",
        "Crypto/Cipher/_raw_eksblowfish*",
        "Crypto/Cipher/oaep.*",
        "Crypto/Util/RFC1751*",
    ),
    # Bills are photographed or scanned: JPEG, PNG, TIFF, GIF, WebP. No AVIF, no drawing of text, no colour profiles,
    # no windows and screens, no formulas over pixels, no pictures of games and laboratories.
    "pillow": (
        "PIL/BlpImagePlugin.*",
        "PIL/BufrStubImagePlugin.*",
        "PIL/DdsImagePlugin.*",
        "PIL/FitsImagePlugin.*",
        "PIL/FliImagePlugin.*",
        "PIL/FtexImagePlugin.*",
        "PIL/GribStubImagePlugin.*",
        "PIL/Hdf5StubImagePlugin.*",
        "PIL/ImageCms.*",
        "PIL/ImageDraw2.*",
        "PIL/ImageGrab.*",
        "PIL/ImageMath.*",
        "PIL/ImageMorph.*",
        "PIL/ImageQt.*",
        "PIL/ImageShow.*",
        "PIL/ImageTk.*",
        "PIL/ImageWin.*",
        "PIL/McIdasImagePlugin.*",
        "PIL/PSDraw.*",
        "PIL/SgiImagePlugin.*",
        "PIL/SpiderImagePlugin.*",
        "PIL/_avif.*",
        "PIL/_imagingcms.*",
        "PIL/_imagingft.*",
        "PIL/_imagingmath.*",
        "PIL/_imagingtk.*",
        "pillow.libs/libavif-*",
        "pillow.libs/libbrotli*",
        "pillow.libs/libfreetype-*",
        "pillow.libs/libharfbuzz-*",
        "pillow.libs/liblcms2-*",
        "pillow.libs/libpng16-*",
    ),
    # No charts, no barcodes, no font files: the plain page is text in fonts that every PDF reader brings itself.
    "reportlab": ("reportlab/fonts/*", "reportlab/graphics/*"),
    # A browser's Python.
    "urllib3": ("urllib3/contrib/emscripten/*",),
}

# Zip knows no earlier date, and no file of ours depends on one.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
# What follows the magic number of bytecode that Python takes without a look at the source (PEP 552).
UNCHECKED_HASH = (0b01).to_bytes(4, "little")
FILE_MODE = 0o100644  # a 0600 file could not be read by the user that Lambda runs code as


class BuildError(Exception):
    """A zip cannot be made, or would not work."""


def main() -> None:
    """Build every zip, print its size, and stop at the first that would not work or is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True, help="the folder with the handlers and pipeline/")
    parser.add_argument("--libraries", type=Path, required=True, help="the folder the wheels were unpacked to")
    parser.add_argument("--out", type=Path, required=True, help="the folder the zips are written to")
    arguments = parser.parse_args()
    if sys.version_info[:2] != (3, 12):
        sys.exit(f"bytecode for Lambda's python3.12 cannot be made by Python {sys.version.split()[0]}")
    intern_single_letters()
    try:
        for handler in handlers(arguments.sources):
            limit = LIMITS_BYTES.get(handler, LIMIT_BYTES)
            archive = arguments.out / f"{handler}.zip"
            build(handler, arguments.sources, arguments.libraries, archive, limit)
            sbom.write(archive)
    except BuildError as error:
        sys.exit(f"build failed: {error}")


def handlers(sources: Path) -> list[str]:
    """Return the functions: the modules at the top of the sources that define `lambda_handler`."""
    found = [path.stem for path in sorted(sources.glob("*.py")) if defines_handler(path)]
    if not found:
        raise BuildError(f"no file in {sources} defines lambda_handler")
    return found


def defines_handler(path: Path) -> bool:
    """Tell whether a module has a function `lambda_handler` at its top level."""
    body = ast.parse(path.read_bytes(), str(path)).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "lambda_handler" for node in body)


def build(handler: str, sources: Path, libraries: Path, target: Path, limit: int) -> None:
    """Write the zip of one function."""
    contents = files_of(handler, sources, libraries)
    compiled = {name: data for path in sorted(contents) for name, data in with_bytecode(path, contents[path]).items()}
    size = write(target, compiled)
    unzipped = sum(len(data) for data in compiled.values())
    print(f"{target}  {size / MB:.2f} MB of at most {limit / MB:.0f} ({unzipped / MB:.1f} unzipped)")
    if size > limit:
        raise BuildError(f"{target.name} has {size:,} bytes, more than its limit of {limit:,}: see `UNUSED`")


def files_of(handler: str, sources: Path, libraries: Path) -> dict[str, Path]:
    """Return what the function needs, by its path in the zip."""
    own, foreign = reachable(handler, sources)
    shipped = libraries_in(libraries)
    contents = {path.relative_to(sources).as_posix(): path for path in own}
    contents |= shipped.files_for({module.split(".")[0] for module in foreign} - IN_THE_RUNTIME)
    for module, importer in sorted(foreign.items()):
        if module.split(".")[0] not in IN_THE_RUNTIME and not provides(contents, module):
            raise BuildError(
                f"{importer} imports {module}, which would not be in the zip: name "
                "its distribution in lambda/requirements.in, or take it out of UNREACHED, or its pattern out of UNUSED"
            )
    return contents


def provides(contents: Mapping[str, Path], module: str) -> bool:
    """Tell whether the module (or, for `from module import name`, its parent) is among the files."""
    path = module.replace(".", "/")
    stems = {path + ".py", path + "/__init__.py"}
    return not stems.isdisjoint(contents) or any(name.startswith(path + ".") for name in contents)


def reachable(handler: str, sources: Path) -> tuple[list[Path], dict[str, str]]:
    """Return our own files that the handler can import, and the foreign modules with one file that imports each."""
    start = sources / f"{handler}.py"
    if not start.is_file():
        raise BuildError(f"{start} is missing")
    waiting, own, foreign = [start], set[Path](), dict[str, str]()
    while waiting:
        path = waiting.pop()
        if path in own:
            continue
        own.add(path)
        if path.name == "__init__.py":
            own.update(data for data in path.parent.iterdir() if data.is_file() and data.suffix != ".py")
        if path.suffix != ".py":
            continue
        for module, name in imports(path, sources):
            found = own_files(module, sources) + (own_files(f"{module}.{name}", sources) if name else [])
            waiting += found
            if not found and module.split(".")[0] not in sys.stdlib_module_names:
                foreign.setdefault(module, path.relative_to(sources.parent).as_posix())
    return sorted(own), foreign


@cache
def own_files(module: str, sources: Path) -> list[Path]:
    """Return the file of one of our modules with the `__init__.py` of every package above it; nothing for others."""
    parts = module.split(".")
    file = sources.joinpath(*parts).with_suffix(".py")
    if not file.is_file():
        file = sources.joinpath(*parts, "__init__.py")
    if not file.is_file():
        return []
    packages = (sources.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts)))
    return [file, *(package for package in packages if package.is_file())]


def imports(path: Path, sources: Path) -> tuple[tuple[str, str | None], ...]:
    """Return what a file imports at run time, as (module, name in it), with relative imports made absolute."""
    return _imports_of(path, sources, path.read_bytes())


_HOLDS_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


@cache
def _imports_of(path: Path, sources: Path, content: bytes) -> tuple[tuple[str, str | None], ...]:
    """Return it, found out once for all functions that share the module."""
    return tuple(_imports(path, sources, content))


def _imports(path: Path, sources: Path, content: bytes) -> Iterator[tuple[str, str | None]]:
    package = path.relative_to(sources).parent.parts
    waiting: list[ast.AST] = [ast.parse(content, str(path))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
            continue
        # An import is a statement: it is never inside an expression, which most of a tree is.
        waiting += (part for part in ast.iter_child_nodes(node) if isinstance(part, _HOLDS_STATEMENTS))
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            yield from ((module, alias.name) for alias in node.names)


class Libraries:
    """The unpacked wheels: which distribution provides a module, and what it drags along."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._distributions = {canonical(found.name): found for found in distributions(path=[str(folder)])}

    def files_for(self, modules: set[str]) -> dict[str, Path]:
        """Return the files of every distribution that provides one of the modules or is required by such a one."""
        waiting = [
            (name, frozenset[str]())
            for name, distribution in self._distributions.items()
            if not modules.isdisjoint(top_level_modules(distribution))
        ]
        seen = set[tuple[str, frozenset[str]]]()
        while waiting:
            wanted = waiting.pop()
            if wanted not in seen and wanted[0] in self._distributions and wanted[0] not in UNREACHED:
                seen.add(wanted)
                waiting += requirements(self._distributions[wanted[0]], extras=wanted[1])
        return {
            file: self._folder / file
            for name in {name for name, _ in seen}
            for file in installed_files(self._distributions[name])
            if not is_unused(name, file)
        }


@cache
def libraries_in(folder: Path) -> Libraries:
    """Return what is in a folder, read once for all functions."""
    return Libraries(folder)


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def installed_files(distribution: Distribution) -> list[str]:
    """Return the distribution's files, by their path below the folder."""
    return [file.as_posix() for file in distribution.files or () if ".." not in file.parts]


def top_level_modules(distribution: Distribution) -> set[str]:
    """Return the names by which the distribution's code is imported."""
    return {file.split("/")[0].split(".")[0] for file in installed_files(distribution)}


def requirements(distribution: Distribution, *, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """Return the distributions it requires, each with the extras asked for.

    Of the markers only `extra` is read. Where another does not hold, the distribution was not unpacked, or is there
    because something else needs it: counting it costs a few kilobytes and breaks nothing.
    """
    required = list[tuple[str, frozenset[str]]]()
    for line in distribution.requires or ():
        specification, _, marker = line.partition(";")
        only_for = re.search(r"""extra\s*==\s*["']([^"']+)["']""", marker)
        parts = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?", specification)
        if parts and (not only_for or only_for[1] in extras):
            wanted = frozenset(extra.strip() for extra in (parts[2] or "").split(",") if extra.strip())
            required.append((canonical(parts[1]), wanted))
    return required


def is_unused(distribution: str, file: str) -> bool:
    """Tell whether a file of a distribution stays out of the zips."""
    patterns = (*UNUSED_ANYWHERE, *UNUSED.get(distribution, ()))
    return any(fnmatch.fnmatchcase(file, pattern) for pattern in patterns)


def intern_single_letters() -> None:
    """Make bytecode the same whatever this process has imported before, and from source or not.

    Python has each of these letters once, and says of it in bytecode whether anybody has interned it so far.
    """
    for code in range(256):
        sys.intern(chr(code))


@cache
def with_bytecode(name: str, source: Path) -> Mapping[str, bytes]:
    """Return the file and, for a module, its bytecode, by their paths in the zip.

    The bytecode is `unchecked-hash` (PEP 552): Lambda's tree is read-only and its times say nothing, so Python must
    take it as it is, without a look at the source, which is there for tracebacks only.
    """
    if source.suffix != ".py":
        return {name: source.read_bytes()}
    path, shown, content = PurePosixPath(name), f"/var/task/{name}", source.read_bytes()
    try:
        code = compile(content, shown, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise BuildError(f"{name} does not compile: {error}") from error
    bytecode = MAGIC_NUMBER + UNCHECKED_HASH + source_hash(content) + marshal.dumps(code)
    return {
        name: content,
        str(path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"): bytecode,
    }


@cache
def deflated(content: bytes) -> bytes:
    """Return the content as a zip holds it."""
    # Level 9 takes twice the time for half a per cent.
    compressor = zlib.compressobj(7, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


def write(target: Path, contents: Mapping[str, bytes]) -> int:
    """Write the zip so that equal contents give equal bytes, and return its size."""
    unfinished = target.with_suffix(".zip.part")
    with zipfile.ZipFile(unfinished, "w") as opened:
        # `writestr` would deflate again, for each function, what they share; what is deflated has no public way in.
        archive: Any = opened
        for name in sorted(contents):
            content, packed = contents[name], deflated(contents[name])
            entry = zipfile.ZipInfo(name, date_time=ZIP_EPOCH)
            entry.create_system = 3  # Unix, also when this runs elsewhere
            entry.external_attr = FILE_MODE << 16
            entry.compress_type, entry.header_offset = zipfile.ZIP_DEFLATED, archive.fp.tell()
            entry.CRC, entry.file_size, entry.compress_size = zlib.crc32(content), len(content), len(packed)
            archive.fp.write(entry.FileHeader(zip64=False) + packed)
            archive.filelist.append(entry)
        archive.start_dir, archive._didModify = archive.fp.tell(), True  # noqa: SLF001
    unfinished.replace(target)
    return target.stat().st_size


if __name__ == "__main__":
    main()
