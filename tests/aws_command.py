"""The AWS command line of a test: what a page says is run word for word, against moto.

It has what the pages use: every call of an API with `--query` and `--output`, `lambda invoke`, `logs tail` and `s3 cp`.
Options are read as the model of the service has them, so one that AWS does not have is refused.
"""

from __future__ import annotations

import json
import sys
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


def call(service: str, command: str, options: dict[str, list[str]]) -> Any:
    """Call an API and return its answer."""
    client = boto3.client(service)
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


def invoke(options: dict[str, list[str]]) -> Any:
    """Invoke a function, write its answer to the file that is named last, and return the rest."""
    *payload, file = options.pop("--payload")
    answer = call("lambda", "invoke", {**options, "--payload": payload})
    Path(file).write_bytes(answer.pop("Payload").read())
    return answer


def tail(group: str) -> str:
    """Return the lines of a log group."""
    found = boto3.client("logs").filter_log_events(logGroupName=group)
    return "\n".join(event["message"] for event in found["events"])


def copy(source: str, target: str) -> str:
    """Copy an object into a folder, and say so."""
    bucket, _, key = source.removeprefix("s3://").partition("/")
    boto3.client("s3").download_file(bucket, key, str(Path(target) / Path(key).name))
    return f"download: {source} to {target}"


def shown(answer: Any, options: dict[str, list[str]]) -> str:
    """Return an answer as it is printed."""
    if "--query" in options:
        answer = jmespath.search(options["--query"][0], answer)
    if options.get("--output") != ["text"]:
        return json.dumps(answer, indent=4, default=str)
    rows = answer if isinstance(answer, list) else [answer]
    return "\n".join("\t".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)


def main(service: str, command: str, *words: str) -> str:
    """Run a command and return what it prints."""
    options, names = options_of(list(words))
    if (service, command) == ("s3", "cp"):
        return copy(*names)
    if (service, command) == ("logs", "tail"):
        return tail(names[0])
    answer = invoke(options) if (service, command) == ("lambda", "invoke") else call(service, command, options)
    return shown(answer, options)


if __name__ == "__main__":
    sys.stdout.write(main(*sys.argv[1:]) + "\n")
