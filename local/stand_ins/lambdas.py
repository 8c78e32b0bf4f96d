"""Lambda's control plane for one machine: it invokes functions of this process, as strictly as Lambda does.

moto runs a function in a container of its own; here a handler of ours answers, with the errors of the real service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import requests

from local.stand_ins.http_server import Request, Response, StandInServer

# What Lambda takes for the answer of a function that was waited for.
ANSWER_BYTES_MAX = 6 * 1024 * 1024
_PATH = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/(?P<what>configuration|invocations)")

ANSWERED_S = 30

type Function = Callable[[Any], Any]


class LambdaStandIn:
    """Serves functions by their full names at `url` until closed; `invoked` lists what was asked of which.

    `environs` are the functions' environment variables, `timeouts_s` how long each may run. `behind` is the address of
    a Lambda that answers everything but invocations: where the functions were deployed to, and cannot run.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        environs: Mapping[str, Mapping[str, str]],
        timeouts_s: Mapping[str, int] | None = None,
        behind: str = "",
    ) -> None:
        self.invoked: list[tuple[str, Any]] = []
        self._functions = dict(functions)
        self._environs = environs
        self._timeouts_s = timeouts_s or {}
        self._behind = behind
        self.server = StandInServer(self._answer)
        self.url = self.server.url

    def close(self) -> None:
        """Stop serving."""
        self.server.close()

    def replace(self, name: str, function: Function) -> None:
        """Let another function answer under a name."""
        self._functions[name] = function

    def _answer(self, request: Request) -> Response:
        found = _PATH.fullmatch(unquote(request.path))
        if self._behind and not (found and found["what"] == "invocations"):
            return self._passed_on(request)
        if request.method == "GET" and request.path.rstrip("/") == "/2015-03-31/functions":
            return Response.json({"Functions": [self._configuration(name) for name in sorted(self._functions)]})
        if found is None or found["name"] not in self._functions:
            name = found["name"] if found else request.path
            said = {"Type": "User", "Message": f"Function not found: {name}"}
            answer = Response.json(said, 404)
            answer.headers["x-amzn-ErrorType"] = "ResourceNotFoundException"
            return answer
        if found["what"] == "configuration":
            return Response.json(self._configuration(found["name"]))
        return self._invoke(found["name"], request)

    def _passed_on(self, request: Request) -> Response:
        answer = requests.request(
            request.method, self._behind + request.path, params=request.query, data=request.body,
            headers=request.headers, timeout=ANSWERED_S,
        )  # fmt: skip
        kind = answer.headers.get("x-amzn-ErrorType")
        return Response(answer.status_code, answer.content, headers={"x-amzn-ErrorType": kind} if kind else {})

    def _configuration(self, name: str) -> dict[str, Any]:
        return {
            "FunctionName": name,
            "FunctionArn": f"arn:aws:lambda:us-west-2:123456789012:function:{name}",
            "Timeout": self._timeouts_s.get(name, 120),
            "Environment": {"Variables": dict(self._environs.get(name, {}))},
        }

    def _invoke(self, name: str, request: Request) -> Response:
        event = json.loads(request.body or b"{}")
        self.invoked.append((name, event))
        try:
            answer = Response.json(self._functions[name](event))
        except Exception as error:  # noqa: BLE001 - whatever a function raises is Lambda's answer
            return _failed(type(error).__name__, str(error))
        if len(answer.body) > ANSWER_BYTES_MAX:
            return _failed("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed size")
        return answer


def _failed(kind: str, message: str) -> Response:
    said = {"errorMessage": message, "errorType": kind, "stackTrace": []}
    answer = Response.json(said)
    answer.headers["X-Amz-Function-Error"] = "Unhandled"
    return answer
