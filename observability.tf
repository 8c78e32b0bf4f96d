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
# Alarms: each means that a person is needed. None of them reports that all is well.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.functions

  alarm_name          = "${each.key}-errors-${var.environment}"
  alarm_description   = "${each.key} failed. Its log group /aws/lambda/${each.key}-${var.environment} says why."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = local.alarm_period_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]

  dimensions = {
    FunctionName = aws_lambda_function.this[each.key].function_name
  }
}

resource "aws_cloudwatch_metric_alarm" "dead_letter" {
  for_each = local.functions

  alarm_name          = "${each.key}-dlq-${var.environment}"
  alarm_description   = "An event of ${each.key} failed for good and is in ${each.key}-dlq-${var.environment}."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  period              = local.alarm_period_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]

  dimensions = {
    QueueName = aws_sqs_queue.dead_letter[each.key].name
  }
}

# The poster reports both figures itself, as metrics in its log.
resource "aws_cloudwatch_metric_alarm" "backlog_age" {
  alarm_name          = "qb-poster-backlog-age-${var.environment}"
  alarm_description   = "The oldest document that is due has waited ${var.backlog_age_alarm_minutes} minutes to be posted."
  namespace           = local.metrics_namespace
  metric_name         = "BacklogAgeSeconds"
  statistic           = "Maximum"
  period              = local.alarm_period_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.backlog_age_alarm_minutes * 60
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = "qb-poster"
    environment = var.environment
  }
}

resource "aws_cloudwatch_metric_alarm" "refresh_token" {
  alarm_name          = "qb-poster-refresh-token-${var.environment}"
  alarm_description   = "A QuickBooks company must be connected again within 14 days, or its refresh token ends."
  namespace           = local.metrics_namespace
  metric_name         = "RefreshTokenDaysLeft"
  statistic           = "Minimum"
  period              = local.day_s # one message a day, not one per refresh
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 14
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = "qb-poster"
    environment = var.environment
  }
}

# The tie-out compares once a day, so each of these is a message a day at most.
resource "aws_cloudwatch_metric_alarm" "tie_out" {
  for_each = {
    TieOutUnexplained = "A document or a sum differs between Odoo and QuickBooks, and nothing in either explains it."
    MonthsOverdue     = "A month that ended ten days ago does not tie out yet, or it is not known whether it does."
  }

  alarm_name          = "tie-out-${each.key == "MonthsOverdue" ? "overdue" : "unexplained"}-${var.environment}"
  alarm_description   = "${each.value} The newest report of each month is under reports/ in the bucket."
  namespace           = local.metrics_namespace
  metric_name         = each.key
  statistic           = "Maximum"
  period              = local.day_s
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]

  dimensions = {
    service     = "tie-out"
    environment = var.environment
  }
}
