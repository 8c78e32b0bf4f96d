# What a function may do: one role and one inline policy per function.

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

# What every function may do, joined with its own.
data "aws_iam_policy_document" "function" {
  #checkov:skip=CKV_AWS_356:X-Ray's two write actions know no resource; every other statement names its own.
  #checkov:skip=CKV_AWS_111:X-Ray's two write actions know no resource; every other statement names its own.
  for_each = local.functions

  source_policy_documents = [local.permissions[each.key]]

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  # Lambda sends what the function could not handle, the function itself what no retry can mend.
  statement {
    sid       = "SendDeadLetters"
    actions   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letter[each.key].arn]
  }

  statement {
    sid       = "PublishAlerts"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]
  }

  # The only "*": AWS allows no resource for these two.
  statement {
    sid       = "WriteTraces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "odoo_extractor" {
  statement {
    sid       = "ReadOdooCredentials"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.odoo.arn]
  }

  statement {
    sid = "KeepTrackOfDocuments"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [
      aws_dynamodb_table.tracking.arn,
      "${aws_dynamodb_table.tracking.arn}/index/*",
    ]
  }

  # How a server is spoken to may be forgotten; an entry, which guards against posting twice, may not.
  statement {
    sid       = "ForgetConnections"
    actions   = ["dynamodb:DeleteItem"]
    resources = [aws_dynamodb_table.tracking.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["connection#*"]
    }
  }

  statement {
    sid     = "StoreDocumentsAndPdfs"
    actions = ["s3:GetObject", "s3:PutObject"]
    resources = [
      "${aws_s3_bucket.documents.arn}/pending/*",
      "${aws_s3_bucket.documents.arn}/documents/*",
    ]
  }

  # The mapping says from which date on a company's documents are for the books.
  statement {
    sid       = "ReadMapping"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.documents.arn}/config/*"]
  }

  statement {
    sid       = "RemoveWithdrawnPdfs"
    actions   = ["s3:DeleteObject"]
    resources = ["${aws_s3_bucket.documents.arn}/pending/*"]
  }

  # Who may not list is told 403 for a missing key instead of 404.
  statement {
    sid       = "TellMissingFromForbidden"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.documents.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["pending/*", "documents/*", "config/*"]
    }
  }

  statement {
    sid       = "RedriveOwnDeadLetters"
    actions   = ["sqs:DeleteMessage", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.dead_letter["odoo-extractor"].arn]
  }
}

data "aws_iam_policy_document" "qb_poster" {
  # A rotated refresh token is written back before it is used.
  statement {
    sid = "ReadAndRotateQuickbooksCredentials"
    actions = [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
      "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = [aws_secretsmanager_secret.quickbooks.arn]
  }

  statement {
    sid = "WorkOffEntries"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [
      aws_dynamodb_table.tracking.arn,
      "${aws_dynamodb_table.tracking.arn}/index/*",
    ]
  }

  statement {
    sid     = "ReadDocumentsPdfsAndMapping"
    actions = ["s3:GetObject"]
    resources = [
      "${aws_s3_bucket.documents.arn}/pending/*",
      "${aws_s3_bucket.documents.arn}/posted/*",
      "${aws_s3_bucket.documents.arn}/documents/*",
      "${aws_s3_bucket.documents.arn}/config/*",
    ]
  }

  statement {
    sid       = "ArchivePostedPdfs"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.documents.arn}/posted/*"]
  }

  statement {
    sid       = "ClearPostedPdfsFromPending"
    actions   = ["s3:DeleteObject"]
    resources = ["${aws_s3_bucket.documents.arn}/pending/*"]
  }

  # Who may not list is told 403 for a missing key instead of 404.
  statement {
    sid       = "TellMissingFromForbidden"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.documents.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["pending/*", "posted/*", "documents/*", "config/*"]
    }
  }

  statement {
    sid       = "RedriveOwnDeadLetters"
    actions   = ["sqs:DeleteMessage", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.dead_letter["qb-poster"].arn]
  }
}

data "aws_iam_policy_document" "odoo_order_sync" {
  statement {
    sid       = "ReadOdooCredentials"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.odoo.arn]
  }

  statement {
    sid       = "WriteSaleOrders"
    actions   = ["dynamodb:PutItem"]
    resources = [aws_dynamodb_table.sale_orders.arn]
  }
}
