# Odoo -> QuickBooks Online, and the newest sale orders -> DynamoDB.
#
# What a function needs (role, policy, log group, dead-letter queue, alarms) follows from one row in local.functions;
# what it may touch follows from its own policy document under "Permissions".

terraform {
  required_version = ">= 1.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.aws_region

  default_tags {
    tags = merge(
      {
        Project     = "odoo-quickbooks"
        Environment = var.environment
        ManagedBy   = "terraform"
      },
      var.tags,
    )
  }
}

data "aws_caller_identity" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id

  functions = {
    odoo-extractor = {
      description     = "Reads posted and withdrawn documents from Odoo into the tracking table and pending/"
      module          = "odoo_extractor"
      timeout_s       = 300
      memory_mb       = 512
      event_age_max_s = 3600 # the next tick asks the same question again
      environment = {
        ODOO_API_URL      = var.odoo_api_url
        ODOO_SECRET_ARN   = aws_secretsmanager_secret.odoo.arn
        DYNAMODB_TABLE    = aws_dynamodb_table.tracking.name
        S3_BUCKET         = aws_s3_bucket.documents.id
        SNS_ALERT_TOPIC   = aws_sns_topic.alerts.arn
        SLACK_WEBHOOK_URL = var.slack_webhook_url
      }
    }
    qb-poster = {
      description     = "Posts due entries to QuickBooks Online with their PDFs"
      module          = "qb_poster"
      timeout_s       = 120
      memory_mb       = 256
      event_age_max_s = 21600
      environment = merge(
        {
          QB_ENVIRONMENT    = var.quickbooks_environment
          QB_SECRET_ARN     = aws_secretsmanager_secret.quickbooks.arn
          DYNAMODB_TABLE    = aws_dynamodb_table.tracking.name
          S3_BUCKET         = aws_s3_bucket.documents.id
          SNS_ALERT_TOPIC   = aws_sns_topic.alerts.arn
          SLACK_WEBHOOK_URL = var.slack_webhook_url
        },
        var.quickbooks_api_url == "" ? {} : { QB_API_URL = var.quickbooks_api_url },
        var.quickbooks_discovery_url == "" ? {} : { QB_DISCOVERY_URL = var.quickbooks_discovery_url },
      )
    }
    odoo-order-sync = {
      description     = "Copies the newest sale orders of Odoo into a table for other applications"
      module          = "odoo_order_sync"
      timeout_s       = 120
      memory_mb       = 256
      event_age_max_s = 3600
      environment = merge(
        {
          ODOO_URL            = var.odoo_api_url
          ODOO_DB             = var.odoo_database
          ODOO_EMAIL          = var.odoo_email
          ODOO_SECRET_ARN     = aws_secretsmanager_secret.odoo.arn
          ODDO_RESPONSE_TABLE = aws_dynamodb_table.sale_orders.name
          SNS_ALERT_TOPIC     = aws_sns_topic.alerts.arn
          SLACK_WEBHOOK_URL   = var.slack_webhook_url
        },
        var.odoo_api_key == "" ? {} : { ODOO_API_KEY = var.odoo_api_key },
      )
    }
  }

  # What each function may do beyond what all of them do.
  permissions = {
    odoo-extractor  = data.aws_iam_policy_document.odoo_extractor.json
    qb-poster       = data.aws_iam_policy_document.qb_poster.json
    odoo-order-sync = data.aws_iam_policy_document.odoo_order_sync.json
  }

  schedules = {
    odoo-extractor-schedule = {
      description = "Pulls from Odoo"
      function    = "odoo-extractor"
      expression  = var.schedule_rate
      enabled     = true
      input       = {}
    }
    # An S3 event may be late, doubled or lost; the sweep asks every minute which entries are due.
    qb-poster-sweep = {
      description = "Works off whatever is due, whether or not an S3 event arrived"
      function    = "qb-poster"
      expression  = "rate(1 minute)"
      enabled     = true
      input       = { sweep = true }
    }
    odoo-order-sync-schedule = {
      description = "Copies the newest sale orders"
      function    = "odoo-order-sync"
      expression  = var.order_sync_schedule_rate
      enabled     = var.odoo_database != "" && var.odoo_email != "" # without them every run would only fail
      input       = {}
    }
  }

  metrics_namespace = "OdooToQuickBooks"
  alarm_period_s    = 300
  day_s             = 86400
}

# ---------------------------------------------------------------------------------------------------------------------
# Documents: one bucket. pending/ is outstanding work, posted/ is the archive, documents/ what was read, config/ the mapping.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_s3_bucket" "documents" {
  #checkov:skip=CKV_AWS_18:Access is by two roles of this file only; CloudTrail data events can be switched on where an auditor asks.
  #checkov:skip=CKV_AWS_144:Odoo holds every document; a second region would only double the places to protect.
  #checkov:skip=CKV_AWS_145:The requirement is SSE-S3; a customer key would add a cost and a way to lose access.
  bucket        = "odoo-qb-invoices-${var.environment}-${local.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "documents" {
  bucket = aws_s3_bucket.documents.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "documents" {
  bucket = aws_s3_bucket.documents.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "documents" {
  bucket = aws_s3_bucket.documents.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "documents" {
  bucket = aws_s3_bucket.documents.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Only what is posted ages. Nothing here ever removes a current object under pending/, documents/ or config/.
# S3 leaves files below 128 kB in the standard class, where they cost less than archiving them would.
resource "aws_s3_bucket_lifecycle_configuration" "documents" {
  bucket = aws_s3_bucket.documents.id

  rule {
    id     = "archive-posted"
    status = "Enabled"

    filter {
      prefix = "posted/"
    }

    transition {
      days          = 90
      storage_class = "GLACIER"
    }

    expiration {
      days = 2555 # seven years, as long as books are kept
    }
  }

  # A replaced or deleted object can be brought back for 90 days; its delete marker goes when no version is left.
  rule {
    id     = "tidy-up"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.documents]
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid     = "DenyWithoutTls"
    effect  = "Deny"
    actions = ["s3:*"]
    resources = [
      aws_s3_bucket.documents.arn,
      "${aws_s3_bucket.documents.arn}/*",
    ]

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

resource "aws_s3_bucket_policy" "documents" {
  bucket = aws_s3_bucket.documents.id
  policy = data.aws_iam_policy_document.bucket.json

  # Two changes to a bucket's access at once conflict.
  depends_on = [aws_s3_bucket_public_access_block.documents]
}

resource "aws_s3_object" "mapping" {
  #checkov:skip=CKV_AWS_186:The requirement is SSE-S3, which the bucket applies; see aws_s3_bucket.documents.
  count = var.mapping_file == "" ? 0 : 1

  bucket       = aws_s3_bucket.documents.id
  key          = "config/mapping.toml"
  source       = var.mapping_file
  source_hash  = filesha256(var.mapping_file)
  content_type = "application/toml"

  depends_on = [aws_s3_bucket_versioning.documents, aws_s3_bucket_server_side_encryption_configuration.documents]
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "AllowDocumentsBucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this["qb-poster"].function_name
  principal      = "s3.amazonaws.com"
  source_account = local.account_id # a bucket's ARN does not name its account, and a deleted name can be taken by others
  source_arn     = aws_s3_bucket.documents.arn
}

resource "aws_s3_bucket_notification" "pending" {
  bucket = aws_s3_bucket.documents.id

  # Posted PDFs move out of pending/, so the poster never wakes itself.
  lambda_function {
    id                  = "pending-pdf"
    lambda_function_arn = aws_lambda_function.this["qb-poster"].arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = "pending/"
    filter_suffix       = ".pdf"
  }

  depends_on = [aws_lambda_permission.bucket]
}

# ---------------------------------------------------------------------------------------------------------------------
# Tables: the tracking table is the work list and the guard against posting twice.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_dynamodb_table" "tracking" {
  #checkov:skip=CKV_AWS_119:Encrypted with DynamoDB's own key; a customer key would add a cost and a way to lose access.
  name                        = "odoo-qb-invoices-${var.environment}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "entry_id"
  deletion_protection_enabled = var.deletion_protection_enabled

  attribute {
    name = "entry_id"
    type = "S"
  }

  attribute {
    name = "status"
    type = "S"
  }

  attribute {
    name = "company"
    type = "S"
  }

  global_secondary_index {
    name            = "status-index"
    hash_key        = "status"
    projection_type = "ALL"
  }

  global_secondary_index {
    name            = "company-status-index"
    hash_key        = "company"
    range_key       = "status"
    projection_type = "ALL"
  }

  # Set only on what may be forgotten: an entry that guards against a second posting has no expires_at.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

resource "aws_dynamodb_table" "sale_orders" {
  #checkov:skip=CKV_AWS_119:Encrypted with DynamoDB's own key; a customer key would add a cost and a way to lose access.
  name                        = "odoo-sale-orders-${var.environment}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "order_name"
  range_key                   = "order_id"
  deletion_protection_enabled = var.deletion_protection_enabled

  attribute {
    name = "order_name"
    type = "S"
  }

  attribute {
    name = "order_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

# ---------------------------------------------------------------------------------------------------------------------
# Secrets: the containers only. Values are put in out of band and never reach the state; the poster rotates its own.
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_secretsmanager_secret" "odoo" {
  #checkov:skip=CKV_AWS_149:Encrypted with the account's own key for secrets; a customer key would add a way to lose access.
  #checkov:skip=CKV2_AWS_57:Odoo's password is changed in Odoo by a person; AWS cannot rotate it.
  name                    = "odoo-qb-integration/odoo-credentials-${var.environment}"
  description             = "Odoo: {\"database\", \"username\", \"password\"}"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret" "quickbooks" {
  #checkov:skip=CKV_AWS_149:Encrypted with the account's own key for secrets; a customer key would add a way to lose access.
  #checkov:skip=CKV2_AWS_57:Intuit rotates the refresh token, and the poster writes the new one back.
  name                    = "odoo-qb-integration/quickbooks-credentials-${var.environment}"
  description             = "QuickBooks: {\"client_id\", \"client_secret\", \"refresh_token\", \"realm_ids\"}"
  recovery_window_in_days = var.secret_recovery_days
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
# Functions
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:Encrypted with CloudWatch's own key; logs name documents, never credentials.
  #checkov:skip=CKV_AWS_338:What must be kept stands in the tracking table and the books; logs are for finding faults.
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

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:A new account cannot reserve any; one shift per company already keeps posters apart (var.reserved_concurrency).
  #checkov:skip=CKV_AWS_117:Odoo, Intuit and AWS are public endpoints; a network of its own would need a NAT gateway and protect nothing.
  #checkov:skip=CKV_AWS_173:Encrypted with Lambda's own key; credentials live in Secrets Manager.
  #checkov:skip=CKV_AWS_272:The zips are built and applied from the same checkout, from pinned and hashed wheels.
  for_each = local.functions

  function_name                  = "${each.key}-${var.environment}"
  description                    = each.value.description
  role                           = aws_iam_role.function[each.key].arn
  runtime                        = "python3.12"
  architectures                  = ["x86_64"] # build.sh takes compiled wheels for this one
  handler                        = "${each.value.module}.lambda_handler"
  filename                       = "${path.module}/lambda/${each.value.module}.zip"
  source_code_hash               = filebase64sha256("${path.module}/lambda/${each.value.module}.zip")
  timeout                        = each.value.timeout_s
  memory_size                    = each.value.memory_mb
  reserved_concurrent_executions = lookup(var.reserved_concurrency, each.key, -1)

  environment {
    variables = merge(
      {
        ENVIRONMENT                  = var.environment
        POWERTOOLS_SERVICE_NAME      = each.key
        POWERTOOLS_METRICS_NAMESPACE = local.metrics_namespace
        POWERTOOLS_LOG_LEVEL         = var.log_level
      },
      each.value.environment,
    )
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.function[each.key].name
    log_format            = "JSON"
    application_log_level = var.log_level
    system_log_level      = "INFO"
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead_letter[each.key].arn
  }

  tracing_config {
    mode = "Active"
  }

  # AWS refuses a function whose role may not yet send to its dead-letter queue.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_lambda_function_event_invoke_config" "function" {
  for_each = local.functions

  function_name                = aws_lambda_function.this[each.key].function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = each.value.event_age_max_s
}

# ---------------------------------------------------------------------------------------------------------------------
# Permissions: one role and one inline policy per function.
# ---------------------------------------------------------------------------------------------------------------------

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

# ---------------------------------------------------------------------------------------------------------------------
# Schedules
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_event_rule" "schedule" {
  for_each = local.schedules

  name                = "${each.key}-${var.environment}"
  description         = each.value.description
  schedule_expression = each.value.expression
  state               = each.value.enabled ? "ENABLED" : "DISABLED"
}

resource "aws_cloudwatch_event_target" "schedule" {
  for_each = local.schedules

  rule      = aws_cloudwatch_event_rule.schedule[each.key].name
  target_id = each.value.function
  arn       = aws_lambda_function.this[each.value.function].arn
  input     = jsonencode(each.value.input)
}

resource "aws_lambda_permission" "schedule" {
  for_each = local.schedules

  statement_id  = "AllowSchedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.value.function].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule[each.key].arn
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
  alarm_description   = "An event of ${each.key} failed for good and lies in ${each.key}-dlq-${var.environment}."
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
