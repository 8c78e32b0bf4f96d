"""The AWS command line of a test: what a page says is run word for word, against moto.

It has what the pages use: every call of an API with `--query` and `--output`, `lambda invoke`, `logs tail` and `s3 cp`.
Options are read as the model of the service has them, so one that AWS does not have is refused.
"""

from __future__ import annotations

import json
import socketserver
import stat
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name

# What says how a call is made, and how many words follow it.
OF_EVERY_CALL = {"--query": 1, "--output": 1, "--region": 1, "--cli-binary-format": 1, "--cli-read-timeout": 1}


def options_of(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the options with their words, and the words before the first of them."""
    options: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word
        options.setdefault(name, []).extend([] if word == name else [word])
    return {name: given for name, given in options.items() if name}, options.get("", [])


def value_of(shape: Any, given: list[str]) -> Any:
    """Return the words of an option as the value that the model asks for."""
    if shape.type_name == "list" and not given[0].startswith("["):
        return [value_of(shape.member, [word]) for word in given]
    (word,) = given
    if shape.type_name in ("structure", "map", "list", "integer", "long"):
        return json.loads(word)
    return word.encode() if shape.type_name == "blob" else word


@dataclass(frozen=True)
class CommandLine:
    """The AWS command line with an environment, such as `AWS_ENDPOINT_URL`; it reads no other."""

    environment: Mapping[str, str]
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return the client of a service, made once."""
        if service not in self._clients:
            of_all = self.environment["AWS_ENDPOINT_URL"]
            self._clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.environment.get(f"AWS_ENDPOINT_URL_{service.upper()}", of_all),
                region_name=self.environment["AWS_DEFAULT_REGION"],
                aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[service]

    def run(self, folder: Path, service: str, command: str, *words: str) -> str:
        """Run a command in a folder and return what it prints."""
        options, names = options_of(list(words))
        if (service, command) == ("s3", "cp"):
            return self._copy(folder, *names)
        if (service, command) == ("logs", "tail"):
            return self._tail(names[0])
        is_invocation = (service, command) == ("lambda", "invoke")
        answer = self._invoke(folder, options) if is_invocation else self._call(service, command, options)
        return shown(answer, options)

    def _call(self, service: str, command: str, options: dict[str, list[str]]) -> Any:
        client = self.client(service)
        operations = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
        shape = client.meta.service_model.operation_model(operations[command]).input_shape
        members = {f"--{xform_name(name, '-')}": name for name in shape.members} if shape else {}
        parameters = {
            members[option]: value_of(shape.members[members[option]], given)
            for option, given in options.items()
            if option not in OF_EVERY_CALL
        }
        answer = getattr(client, xform_name(operations[command]))(**parameters)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def _invoke(self, folder: Path, options: dict[str, list[str]]) -> Any:
        """Invoke a function, write its answer to the file that is named last, and return the rest."""
        *payload, file = options.pop("--payload")
        answer = self._call("lambda", "invoke", {**options, "--payload": payload})
        (folder / file).write_bytes(answer.pop("Payload").read())
        return answer

    def _tail(self, group: str) -> str:
        """Return the lines of a log group."""
        found = self.client("logs").filter_log_events(logGroupName=group)
        return "\n".join(event["message"] for event in found["events"])

    def _copy(self, folder: Path, source: str, target: str) -> str:
        """Copy an object into a folder, and say so."""
        bucket, _, key = source.removeprefix("s3://").partition("/")
        self.client("s3").download_file(bucket, key, str(folder / target / Path(key).name))
        return f"download: {source} to {target}"


def shown(answer: Any, options: dict[str, list[str]]) -> str:
    """Return an answer as it is printed."""
    if "--query" in options:
        with warnings.catch_warnings():
            # AWS's command line takes a text between backticks as well, which jmespath would rather have quoted.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            answer = jmespath.search(options["--query"][0], answer)
    if options.get("--output") != ["text"]:
        return json.dumps(answer, indent=4, default=str)
    rows = answer if isinstance(answer, list) else [answer]
    return "\n".join("\t".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)


# It hands its words on: a Python that imports boto3 for each command takes ten times as long as what it is asked.
PROGRAM = r"""#!/usr/bin/env bash
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\0' "$#" "$PWD" "$@" >&3
read -r status <&3
cat <&3
exit "$status"
"""


@contextmanager
def program(commands: CommandLine, folder: Path) -> Iterator[Path]:
    """Yield a folder to search for programs, in which `aws` is answered by this process until the end."""

    class Answering(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            count = int(self._word())
            where, *words = [self._word() for _ in range(count + 1)]
            try:
                status, said = 0, commands.run(Path(where), *words)
            except Exception:  # noqa: BLE001 - whatever it is ends the command
                status, said = 255, traceback.format_exc()
            self.wfile.write(f"{status}\n{said}\n".encode())

        def _word(self) -> str:
            word = b""
            while (byte := self.rfile.read(1)) not in (b"", b"\0"):
                word += byte
            return word.decode()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        folder.mkdir()
        path = folder / "aws"
        path.write_text(PROGRAM.replace("{port}", str(server.server_address[1])))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        yield folder
        server.shutdown()
