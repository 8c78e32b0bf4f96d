"""Logs as JSON and metrics as EMF: both are lines on standard output that CloudWatch understands."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

NAMESPACE = "OdooToQuickBooks"
# What an alarm of observability.tf watches.
WATCHED = frozenset(
    {
        "AlertsUndelivered",
        "BacklogAgeSeconds",
        "ConsentDaysLeft",
        "DriftOpen",
        "MonthsOverdue",
        "RefreshTokenDaysLeft",
        "RunsCompleted",
        "TieOutUnexplained",
    }
)
_UNITS = {"BacklogAgeSeconds": MetricUnit.Seconds}

# At DEBUG these write down what they send and receive: botocore the answer of Secrets Manager, oauthlib the tokens.
_LIBRARIES = ("boto3", "botocore", "intuitlib", "oauthlib", "requests", "requests_oauthlib", "s3transfer", "urllib3")


@cache
def log_as_json(service: str) -> None:
    """Configure JSON logging, with the fields of each log call, once per container.

    The log level that was asked for is that of our own code. Everybody else's is INFO or higher, because no library
    keeps credentials out of what it writes at DEBUG.
    """
    root = logging.getLogger()
    for logger in (root, *map(logging.getLogger, _LIBRARIES)):
        # NOTSET (0) of a library means the root's level.
        if logger is root or logger.level:
            logger.setLevel(max(logger.level, logging.INFO))
    powertools = Logger(service=service, logger_formatter=None, log_uncaught_exceptions=False)
    package = logging.getLogger("pipeline")
    package.handlers = powertools.handlers
    package.setLevel(powertools.log_level)
    package.propagate = False


def put_metrics(service: str, environment: str, values: Mapping[str, float]) -> None:
    """Write the figures of one run as one line, with the function and the environment as dimensions.

    What an alarm watches is a metric, which costs money every month. The rest are fields of the line, which the
    dashboard asks the log for.
    """
    metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)
    metrics.add_dimension(name="service", value=service)
    metrics.add_dimension(name="environment", value=environment)
    for name, value in values.items():
        if name in WATCHED:
            metrics.add_metric(name=name, unit=_UNITS.get(name, MetricUnit.Count), value=value)
        else:
            metrics.add_metadata(key=name, value=value)
    metrics.flush_metrics()
