"""Logs as JSON and metrics as EMF: both are lines on standard output that CloudWatch understands."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import cache

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

NAMESPACE = "OdooToQuickBooks"


def _is_positive(value: float) -> bool:
    return value > 0


# What an alarm of observability.tf watches, and which of its values are sent as a metric. CloudWatch charges for every
# hour in which a metric is sent. A value that is as it should be is therefore not sent, and the alarm treats missing
# data as good. Only for completed runs is missing data itself the alarm.
WATCHED: Mapping[str, Callable[[float], bool]] = {
    "AlertsUndelivered": _is_positive,
    "BacklogAgeSeconds": _is_positive,
    "ConsentDaysLeft": lambda days: days < 100,
    "DriftAgeSeconds": _is_positive,
    "MonthsOverdue": _is_positive,
    "RefreshTokenDaysLeft": lambda days: days < 20,
    "RunsCompleted": _is_positive,
    "TieOutUnexplained": _is_positive,
}
_UNITS = {"BacklogAgeSeconds": MetricUnit.Seconds, "DriftAgeSeconds": MetricUnit.Seconds}

# At DEBUG these write down what they send and receive: botocore the answer of Secrets Manager, oauthlib the tokens.
_LIBRARIES = ("boto3", "botocore", "intuitlib", "oauthlib", "requests", "requests_oauthlib", "s3transfer", "urllib3")
# These write down pieces of the files they read, a line for every fault in one: a hostile file has a hundred thousand.
# What came of a file is in its entry.
_READERS = ("PIL", "pypdf")


@cache
def log_as_json(service: str) -> None:
    """Configure JSON logging, with the fields of each log call, once per container.

    The log level that was asked for is that of our own code. Everybody else's is INFO or higher, because no library
    keeps credentials out of what it writes at DEBUG; what reads foreign files writes nothing.
    """
    root = logging.getLogger()
    for logger in (root, *map(logging.getLogger, _LIBRARIES)):
        # NOTSET (0) of a library means the root's level.
        if logger is root or logger.level:
            logger.setLevel(max(logger.level, logging.INFO))
    for name in _READERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    powertools = Logger(service=service, logger_formatter=None, log_uncaught_exceptions=False)
    package = logging.getLogger("pipeline")
    package.handlers = powertools.handlers
    package.setLevel(powertools.log_level)
    package.propagate = False


def put_metrics(service: str, environment: str, values: Mapping[str, float]) -> None:
    """Write the figures of one run as one line, with the function and the environment as dimensions.

    A value that an alarm waits for is a metric, which costs money. The rest are fields of the line, which the
    dashboard asks the log for.
    """
    dimensions = {"service": service, "environment": environment}
    sent = {name for name, value in values.items() if name in WATCHED and WATCHED[name](value)}
    if not sent:
        print(json.dumps({**dimensions, **values}))  # noqa: T201 - standard output is the log; EMF is never empty
        return
    metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)
    for name, value in dimensions.items():
        metrics.add_dimension(name=name, value=value)
    for name, figure in values.items():
        if name in sent:
            metrics.add_metric(name=name, unit=_UNITS.get(name, MetricUnit.Count), value=figure)
        else:
            metrics.add_metadata(key=name, value=figure)
    metrics.flush_metrics()
