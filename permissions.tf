# What a function may do: one role and one inline policy per function. What only one of them may do is in its row in main.tf.

locals {
  # What the tie-out adds to the history: that a month was closed, or opened again, and the links of its chain.
  history_of_months = ["history#month#*", "history-day#*", "history-head#*"]

  # Entries are read and written, never deleted: they guard against posting twice.
  keep_entries = [
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
  ]

  tracking_table_and_indexes = [
    aws_dynamodb_table.tracking.arn,
    "${aws_dynamodb_table.tracking.arn}/index/*",
  ]

  # What the tie-out reads. To read QuickBooks it needs an access token, and renewing one may rotate the refresh token,
  # which must be stored: that is all it can write outside of the table and the bucket.
  # A rotated refresh token is written back before it is used.
  rotate_quickbooks_secret = {
    sid = "ReadAndRotateQuickbooksCredentials"
    actions = [
      "secretsmanager:GetSecretValue",
      "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = [aws_secretsmanager_secret.quickbooks.arn]
  }

  # One parameter per realm, which only the secret knows. The account's key for parameters needs no grant.
  keep_quickbooks_tokens = {
    sid       = "KeepQuickbooksTokens"
    actions   = ["ssm:GetParameter", "ssm:PutParameter"]
    resources = ["${local.parameters_arn}/odoo-qb-integration/${var.environment}/quickbooks-tokens/*"]
  }

  read_both_sides = [
    {
      sid       = "ReadOdooCredentials"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [aws_secretsmanager_secret.odoo.arn]
    },
    local.rotate_quickbooks_secret,
    {
      sid       = "ReadEntries"
      actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
      resources = local.tracking_table_and_indexes
    },
    {
      sid       = "ReadMapping"
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.documents.arn}/config/*"]
    },
    # Sizes of filed PDFs. Who may not list gets 403 for a missing key, not 404.
    {
      sid       = "ListReportsAndFiledPdfs"
      actions   = ["s3:ListBucket"]
      resources = [aws_s3_bucket.documents.arn]
      condition = {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = ["config/*", "posted/*", "pending/*", "reports/*"]
      }
    },
  ]
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AllowLambda"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name               = "${each.key}-${var.environment}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = "${each.key}-${var.environment}"
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

# Its own statements, then those of every function.
data "aws_iam_policy_document" "function" {
  #checkov:skip=CKV_AWS_356:X-Ray's two write actions know no resource; every other statement names its own.
  #checkov:skip=CKV_AWS_111:X-Ray's two write actions know no resource; every other statement names its own.
  for_each = local.functions

  dynamic "statement" {
    for_each = each.value.statements

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = try([statement.value.condition], [])

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }

  # A queue is made from its function's row, so the row itself cannot name it.
  dynamic "statement" {
    for_each = each.value.redrives ? [aws_sqs_queue.dead_letter[each.key].arn] : []

    content {
      sid       = "RedriveOwnDeadLetters"
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  # Lambda sends what the function could not handle. A function that redrives sends what no retry can fix, too.
  statement {
    sid       = "SendDeadLetters"
    actions   = each.value.redrives ? ["sqs:GetQueueUrl", "sqs:SendMessage"] : ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letter[each.key].arn]
  }

  # The history is only added to. That a put replaces nothing is for its hashes to show: IAM knows no such condition.
  statement {
    sid       = "KeepHistory"
    effect    = "Deny"
    actions   = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.tracking.arn]

    condition {
      test     = "ForAnyValue:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["history#*", "history-day#*"]
    }
  }

  statement {
    sid       = "PublishAlerts"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]
  }

  # Read when there is an alert to send.
  statement {
    sid       = "ReadSlackAddress"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.parameters_arn}${local.slack_parameter}"]
  }

  # The only "*": AWS allows no resource for these two.
  statement {
    sid       = "WriteTraces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"]
  }
}
