# What tells a person: logs, dead letters, one topic, and alarms.

# ---------------------------------------------------------------------------------------------------------------------
# Logs and dead letters: a log group and a queue per function.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:Encrypted with CloudWatch's own key; logs name documents, never credentials.
  #checkov:skip=CKV_AWS_338:What must be kept is in the tracking table and the books; logs are for finding faults.
  for_each = local.functions

  name              = "/aws/lambda/${each.key}-${var.environment}"
  retention_in_days = var.log_retention_days
}

resource "aws_sqs_queue" "dead_letter" {
  for_each = local.functions

  name                      = "${each.key}-dlq-${var.environment}"
  message_retention_seconds = 14 * local.day_s
  sqs_managed_sse_enabled   = true
}

# ---------------------------------------------------------------------------------------------------------------------
# Alerts: one topic for the alarms and for what the functions themselves report.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_sns_topic" "alerts" {
  #checkov:skip=CKV_AWS_26:CloudWatch cannot publish to a topic encrypted with the key that AWS manages; messages name documents, never credentials.
  name         = "odoo-qb-alerts-${var.environment}"
  display_name = "Odoo to QuickBooks ${var.environment}"
}

data "aws_iam_policy_document" "alerts" {
  # The functions publish by their own roles.
  statement {
    sid       = "AllowAlarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.alerts.json
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = var.alert_email
}

# ---------------------------------------------------------------------------------------------------------------------
# Alarms: each means that a person is needed, has a page under docs/runbooks/, and says when it is over. Missing data is
# no breach: the functions send a metric only while something is not as it should be, because CloudWatch charges for
# every hour in which one is sent. Completed runs are sent always, and there missing data is the breach.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.functions

  alarm_name          = "${each.key}-errors-${var.environment}"
  alarm_description   = "${each.key} failed. Its log group /aws/lambda/${each.key}-${var.environment} says why. Runbook: docs/runbooks/errors.md"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = local.alarm_period_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    FunctionName = aws_lambda_function.this[each.key].function_name
  }
}

resource "aws_cloudwatch_metric_alarm" "dead_letter" {
  for_each = local.functions

  alarm_name          = "${each.key}-dlq-${var.environment}"
  alarm_description   = "In ${each.key}-dlq-${var.environment} is a document that needs a person (an alert names it, and so does its entry in the tracking table), or an event that failed for good (the log group /aws/lambda/${each.key}-${var.environment} says why). Runbook: docs/runbooks/dead-letters.md"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  period              = local.alarm_period_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    QueueName = aws_sqs_queue.dead_letter[each.key].name
  }
}

# The poster reports both figures itself, as metrics in its log.
resource "aws_cloudwatch_metric_alarm" "backlog_age" {
  alarm_name          = "qb-poster-backlog-age-${var.environment}"
  alarm_description   = "The oldest document that is due has waited ${var.backlog_age_alarm_minutes} minutes to be posted. Runbook: docs/runbooks/backlog-age.md"
  namespace           = local.metrics_namespace
  metric_name         = "BacklogAgeSeconds"
  statistic           = "Maximum"
  period              = local.alarm_period_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.backlog_age_alarm_minutes * 60
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = "qb-poster"
    environment = var.environment
  }
}

resource "aws_cloudwatch_metric_alarm" "refresh_token" {
  alarm_name          = "qb-poster-refresh-token-${var.environment}"
  alarm_description   = "A QuickBooks company must be connected again within 14 days, or its refresh token ends. Runbook: docs/runbooks/refresh-token.md"
  namespace           = local.metrics_namespace
  metric_name         = "RefreshTokenDaysLeft"
  statistic           = "Minimum"
  period              = local.day_s # one message a day, not one per refresh
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 14
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = "qb-poster"
    environment = var.environment
  }
}

# Silence is not health: a disabled rule, a deleted permission, a function that always dies. A schedule that says
# `watched` has a function that counts its scheduled runs that came to their end.
locals {
  rates = { for name, schedule in local.schedules : name => try(regex("^rate\\((\\d+) (minute|hour|day)", schedule.expression), []) }

  # A cron expression may leave out a weekend.
  silence_s = {
    for name, parts in local.rates : name => (
      length(parts) == 0 ? 3 * local.day_s : 2 * tonumber(parts[0]) * { minute = 60, hour = 3600, day = local.day_s }[parts[1]] + 300
    )
  }

  # CloudWatch looks back a day at most with periods below an hour, and a week with longer ones.
  silence_period_s = { for name, seconds in local.silence_s : name => seconds <= local.day_s ? local.alarm_period_s : 3600 }
}

resource "aws_cloudwatch_metric_alarm" "silence" {
  for_each = { for name, schedule in local.schedules : name => schedule if try(schedule.watched, false) && schedule.enabled }

  alarm_name          = "${each.value.function}-silent-${var.environment}"
  alarm_description   = "No scheduled run of ${each.value.function} has come to its end for two of its periods and five minutes. Runbook: docs/runbooks/silent.md"
  namespace           = local.metrics_namespace
  metric_name         = "RunsCompleted"
  statistic           = "Sum"
  period              = local.silence_period_s[each.key]
  evaluation_periods  = min(ceil(local.silence_s[each.key] / local.silence_period_s[each.key]), 168 * 3600 / local.silence_period_s[each.key])
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = each.value.function
    environment = var.environment
  }

  # Before there is a schedule there is nothing to miss.
  depends_on = [aws_cloudwatch_event_target.schedule, aws_lambda_permission.schedule]
}

# The functions count what SNS, Slack or their dead-letter queue did not take. CloudWatch may still reach the topic when they may not.
resource "aws_cloudwatch_metric_alarm" "alerts_undelivered" {
  for_each = local.functions

  alarm_name          = "${each.key}-alerts-undelivered-${var.environment}"
  alarm_description   = "Alerts of ${each.key} were not taken by SNS or Slack, or its dead letters not by their queue; it tries again in each run. Runbook: docs/runbooks/alerts-undelivered.md"
  namespace           = local.metrics_namespace
  metric_name         = "AlertsUndelivered"
  statistic           = "Sum"
  period              = local.alarm_period_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = each.key
    environment = var.environment
  }
}

resource "aws_cloudwatch_metric_alarm" "notifications_failed" {
  alarm_name          = "odoo-qb-alerts-failed-${var.environment}"
  alarm_description   = "SNS could not deliver messages of the topic ${aws_sns_topic.alerts.name} to a subscriber. Runbook: docs/runbooks/alerts-undelivered.md"
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFailed"
  statistic           = "Sum"
  period              = local.alarm_period_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    TopicName = aws_sns_topic.alerts.name
  }
}

# Five years after a person gave it a consent ends, however often it is used. Nobody can do more than give it once more.
resource "aws_cloudwatch_metric_alarm" "consent" {
  alarm_name          = "qb-poster-consent-${var.environment}"
  alarm_description   = "A QuickBooks company must be connected again within 90 days: its consent ends, and use does not extend it. `./oqb doctor` names the company. Runbook: docs/runbooks/qb-poster-consent.md"
  namespace           = local.metrics_namespace
  metric_name         = "ConsentDaysLeft"
  statistic           = "Minimum"
  period              = local.day_s # one message a day, not one per run
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 90
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = "qb-poster"
    environment = var.environment
  }
}

# The digest says each difference once. What nobody has accepted or undone after three days is said by this alarm.
resource "aws_cloudwatch_metric_alarm" "drift" {
  alarm_name          = "qb-poster-drift-${var.environment}"
  alarm_description   = "For three days a document differs in QuickBooks from what was posted, because a person changed or deleted it there, and nobody has accepted it. Runbook: docs/runbooks/qb-poster-drift.md"
  namespace           = local.metrics_namespace
  metric_name         = "DriftAgeSeconds"
  statistic           = "Maximum"
  period              = local.day_s # one message a day, not one per look
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 3 * local.day_s
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = "qb-poster"
    environment = var.environment
  }
}

# The tie-out compares once a day, so each of these is a message a day at most.
resource "aws_cloudwatch_metric_alarm" "tie_out" {
  for_each = {
    TieOutUnexplained = { name = "unexplained", text = "A document or a sum differs between Odoo and QuickBooks, and nothing in either explains it." }
    MonthsOverdue     = { name = "overdue", text = "A month that ended ${var.tie_out_overdue_days} days ago does not tie out yet, or it is not known whether it does." }
  }

  alarm_name          = "tie-out-${each.value.name}-${var.environment}"
  alarm_description   = "${each.value.text} The newest report of each month is under reports/ in the bucket. Runbook: docs/runbooks/tie-out.md"
  namespace           = local.metrics_namespace
  metric_name         = each.key
  statistic           = "Maximum"
  period              = local.day_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = "odoo-qb-tie-out"
    environment = var.environment
  }
}
