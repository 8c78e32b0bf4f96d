# Odoo -> QuickBooks Online, and the newest sale orders -> DynamoDB: the functions.
#
# A function is one row in local.functions and a file in lambda/: odoo-qb-tie-out is lambda/tie_out.py, packed as lambda/tie_out.zip.
# Role, policy, log group, dead-letter queue, alarms and schedules follow from the row.
# Beside this file: triggers.tf (what wakes them), storage.tf (bucket, tables, secrets), permissions.tf, observability.tf
# (logs, dead letters, alarms).

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # What the fields of a row mean:
  #   event_age_max_s  how long AWS keeps trying to deliver an event
  #   schedules        when it runs by itself, with which event, and whether its silence is an alarm (it then counts RunsCompleted)
  #   statements       what it may do beyond what all of them do (permissions.tf)
  #   redrives         whether it reads its own dead-letter queue when invoked with {"redrive": true}
  functions = {
    odoo-extractor = {
      description     = "Reads posted and withdrawn documents from Odoo into the tracking table and pending/"
      timeout_s       = 300
      memory_mb       = 512
      event_age_max_s = 3600 # the next tick asks the same question again
      redrives        = true
      environment     = merge(local.pipeline_environment, local.odoo_environment)
      schedules = {
        odoo-extractor-schedule = {
          description = "Pulls from Odoo"
          expression  = var.schedule_rate
          enabled     = true
          input       = local.goes_on_for_s > 300 ? { go_on_for_s = local.goes_on_for_s } : {}
          watched     = true
        }
      }
      statements = [
        # A pull that runs out of time while there is more goes on in another invocation.
        {
          sid       = "StartItself"
          actions   = ["lambda:InvokeFunction"]
          resources = ["${local.functions_arn}:odoo-extractor-${var.environment}"]
        },
        {
          sid       = "ReadOdooCredentials"
          actions   = ["secretsmanager:GetSecretValue"]
          resources = [aws_secretsmanager_secret.odoo.arn]
        },
        {
          sid       = "KeepTrackOfDocuments"
          actions   = local.keep_entries
          resources = local.tracking_table_and_indexes
        },
        # How a server is spoken to may be forgotten; an entry, which guards against posting twice, may not.
        {
          sid       = "ForgetConnections"
          actions   = ["dynamodb:DeleteItem"]
          resources = [aws_dynamodb_table.tracking.arn]
          condition = {
            test     = "ForAllValues:StringLike"
            variable = "dynamodb:LeadingKeys"
            values   = ["connection#*"]
          }
        },
        {
          sid     = "StoreDocumentsAndPdfs"
          actions = ["s3:GetObject", "s3:PutObject"]
          resources = [
            "${aws_s3_bucket.documents.arn}/pending/*",
            "${aws_s3_bucket.documents.arn}/documents/*",
          ]
        },
        # The mapping says from which date on a company's documents are for the books.
        {
          sid       = "ReadMapping"
          actions   = ["s3:GetObject"]
          resources = ["${aws_s3_bucket.documents.arn}/config/*"]
        },
        {
          sid       = "RemoveWithdrawnPdfs"
          actions   = ["s3:DeleteObject"]
          resources = ["${aws_s3_bucket.documents.arn}/pending/*"]
        },
        # Without this right S3 answers 403 for a missing key, and not 404. And whether
        # documents were ever stored shows that the table was lost.
        {
          sid       = "TellMissingFromForbidden"
          actions   = ["s3:ListBucket"]
          resources = [aws_s3_bucket.documents.arn]
          condition = {
            test     = "StringLike"
            variable = "s3:prefix"
            values   = ["pending/*", "documents/*", "config/*"]
          }
        },
      ]
    }
    qb-poster = {
      description     = "Posts due entries to QuickBooks Online with their PDFs"
      timeout_s       = 120
      memory_mb       = 256
      event_age_max_s = 21600
      redrives        = true
      environment     = merge(local.pipeline_environment, local.quickbooks_environment)
      schedules = {
        # An S3 event may be late, doubled or lost; the sweep asks every minute which entries are due.
        qb-poster-sweep = {
          description = "Processes whatever is due, whether or not an S3 event arrived"
          expression  = "rate(1 minute)"
          enabled     = true
          input       = { sweep = true }
          watched     = true
        }
        # One metered read per QuickBooks company. Without work the sweep asks QuickBooks nothing.
        qb-poster-watch = {
          description = "Looks what people changed, voided, deleted or paid in QuickBooks"
          expression  = var.schedule_rate
          enabled     = true
          input       = { watch = true }
        }
      }
      statements = [
        # A sweep that finds work in several realms has each worked on by an invocation of its own.
        {
          sid       = "StartItself"
          actions   = ["lambda:InvokeFunction"]
          resources = ["${local.functions_arn}:qb-poster-${var.environment}"]
        },
        local.rotate_quickbooks_secret,
        local.keep_quickbooks_tokens,
        {
          sid       = "ProcessEntries"
          actions   = local.keep_entries
          resources = local.tracking_table_and_indexes
        },
        {
          sid     = "ReadDocumentsPdfsAndMapping"
          actions = ["s3:GetObject"]
          resources = [
            "${aws_s3_bucket.documents.arn}/pending/*",
            "${aws_s3_bucket.documents.arn}/posted/*",
            "${aws_s3_bucket.documents.arn}/documents/*",
            "${aws_s3_bucket.documents.arn}/config/*",
          ]
        },
        {
          sid       = "ArchivePostedPdfs"
          actions   = ["s3:PutObject"]
          resources = ["${aws_s3_bucket.documents.arn}/posted/*"]
        },
        {
          sid       = "ClearPostedPdfsFromPending"
          actions   = ["s3:DeleteObject"]
          resources = ["${aws_s3_bucket.documents.arn}/pending/*"]
        },
        # Without this right S3 answers 403 for a missing key, and not 404.
        {
          sid       = "TellMissingFromForbidden"
          actions   = ["s3:ListBucket"]
          resources = [aws_s3_bucket.documents.arn]
          condition = {
            test     = "StringLike"
            variable = "s3:prefix"
            values   = ["pending/*", "posted/*", "documents/*", "config/*"]
          }
        },
      ]
    }
    odoo-qb-tie-out = {
      description     = "Compares each open month in Odoo with QuickBooks Online, and writes the report"
      timeout_s       = 900
      memory_mb       = 1024 # fifty thousand documents of both sides at once
      event_age_max_s = 3600
      redrives        = false
      environment = merge(
        local.pipeline_environment,
        local.odoo_environment,
        local.quickbooks_environment,
        { TIE_OUT_OVERDUE_DAYS = tostring(var.tie_out_overdue_days) },
      )
      schedules = {
        tie-out-daily = {
          description = "Compares this month, the last, and every other open one"
          expression  = "cron(0 12 * * ? *)"
          enabled     = true
          watched     = true
          input       = {}
        }
        tie-out-continue = {
          description = "Goes on with a month that ran out of time, or found QuickBooks in use"
          expression  = "rate(15 minutes)"
          enabled     = true
          input       = { continue = true }
        }
      }
      statements = concat(local.read_both_sides, [
        # Leases, verdicts and connections are written; an entry cannot be.
        {
          sid       = "KeepVerdictsAndLeases"
          actions   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
          resources = [aws_dynamodb_table.tracking.arn]
          condition = {
            test     = "ForAllValues:StringLike"
            variable = "dynamodb:LeadingKeys"
            values   = concat(local.history_of_months, ["alerts#", "connection#*", "lease#*", "tie-outs#*", "token-dates#*"])
          }
        },
        {
          sid       = "WriteReports"
          actions   = ["s3:GetObject", "s3:PutObject"]
          resources = ["${aws_s3_bucket.documents.arn}/reports/*"]
        },
        # No report and no pack of a closed month: only what was read until time ran out.
        {
          sid       = "DropUnfinished"
          actions   = ["s3:DeleteObject"]
          resources = ["${aws_s3_bucket.documents.arn}/reports/*/unfinished.json.gz"]
        },
        local.keep_quickbooks_tokens,
      ])
    }
    odoo-order-sync = {
      description     = "Copies the newest sale orders of Odoo into a table for other applications"
      timeout_s       = 120
      memory_mb       = 256
      event_age_max_s = 3600
      redrives        = false
      environment = merge(
        {
          ODOO_URL            = var.odoo_api_url
          ODOO_DB             = var.odoo_database
          ODOO_EMAIL          = var.odoo_email
          ODOO_SECRET_ARN     = aws_secretsmanager_secret.odoo.arn
          ODDO_RESPONSE_TABLE = aws_dynamodb_table.sale_orders.name
          ORDER_SYNC_ALL      = tostring(var.order_sync_history_enabled)
          SNS_ALERT_TOPIC     = aws_sns_topic.alerts.arn
          SLACK_WEBHOOK_URL   = var.slack_webhook_url
        },
        var.odoo_api_key == "" ? {} : { ODOO_API_KEY = var.odoo_api_key },
      )
      schedules = {
        odoo-order-sync-schedule = {
          description = "Copies the newest sale orders"
          expression  = var.order_sync_schedule_rate
          enabled     = var.odoo_database != "" && var.odoo_email != "" # without them every run would only fail
          input       = {}
          watched     = true
        }
      }
      statements = concat([
        {
          sid       = "ReadOdooCredentials"
          actions   = ["secretsmanager:GetSecretValue"]
          resources = [aws_secretsmanager_secret.odoo.arn]
        },
        {
          sid       = "WriteSaleOrders"
          actions   = ["dynamodb:GetItem", "dynamodb:PutItem"]
          resources = [aws_dynamodb_table.sale_orders.arn]
        },
        {
          sid       = "ForgetWhatIsOver"
          actions   = ["dynamodb:DeleteItem"]
          resources = [aws_dynamodb_table.sale_orders.arn]
          condition = { test = "ForAllValues:StringLike", variable = "dynamodb:LeadingKeys", values = ["cursor#*"] }
        },
        ], var.order_sync_history_enabled ? [
        {
          sid       = "FindFormerNames"
          actions   = ["dynamodb:Query"]
          resources = ["${aws_dynamodb_table.sale_orders.arn}/index/order-id-index"]
        },
      ] : [])
    }
  }

  # What several functions have in their environment: where the pipeline keeps its work, and how each neighbour is reached.
  pipeline_environment = {
    DYNAMODB_TABLE    = aws_dynamodb_table.tracking.name
    S3_BUCKET         = aws_s3_bucket.documents.id
    SNS_ALERT_TOPIC   = aws_sns_topic.alerts.arn
    SLACK_WEBHOOK_URL = var.slack_webhook_url
  }
  odoo_environment = {
    ODOO_API_URL    = var.odoo_api_url
    ODOO_SECRET_ARN = aws_secretsmanager_secret.odoo.arn
  }
  quickbooks_environment = merge(
    {
      QB_ENVIRONMENT = var.quickbooks_environment
      QB_SECRET_ARN  = aws_secretsmanager_secret.quickbooks.arn
    },
    var.quickbooks_api_url == "" ? {} : { QB_API_URL = var.quickbooks_api_url },
    var.quickbooks_discovery_url == "" ? {} : { QB_DISCOVERY_URL = var.quickbooks_discovery_url },
  )

  # The file in lambda/ and the zip of each function.
  modules = { for name in keys(local.functions) : name => replace(trimprefix(name, "odoo-qb-"), "-", "_") }

  # A variable's own validation cannot know the rows. tonumber() refuses a text and shows it, which stops the plan.
  reserved_concurrency = {
    for name, count in var.reserved_concurrency : name => contains(keys(local.functions), name) ? count : tonumber(
      "reserved_concurrency: `${name}` is no function. Allowed: ${join(", ", keys(local.functions))}."
    )
  }

  schedules = merge([
    for name, function in local.functions : {
      for schedule, fields in function.schedules : schedule => merge(fields, {
        function = name
        enabled  = fields.enabled && var.schedules_enabled
      })
    }
  ]...)

  account_id     = data.aws_caller_identity.current.account_id
  parameters_arn = "arn:${data.aws_partition.current.partition}:ssm:${var.aws_region}:${local.account_id}:parameter"
  # Where `./oqb connect --slack` stores the address. Terraform does not make it, so that the value is never in its state.
  slack_parameter = "/odoo-qb-integration/${var.environment}/slack-webhook-url"
  functions_arn   = "arn:${data.aws_partition.current.partition}:lambda:${var.aws_region}:${local.account_id}:function"
  # A pull goes on, one invocation after another, while there is more, up to the next one: two at once would render two
  # PDFs at once, which can deadlock Odoo. Of a cron expression nobody here knows how often it comes. AWS stops a function
  # that starts itself after some sixteen links of a chain; an hour has twelve.
  pull_minutes      = try(tonumber(regex("^rate\\((\\d+) minutes?\\)$", var.schedule_rate)[0]), null)
  pull_comes_seldom = can(regex("^rate\\(\\d+ (hours?|days?)\\)$", var.schedule_rate))
  goes_on_for_s     = local.pull_minutes == null ? (local.pull_comes_seldom ? 3600 : 0) : min(3600, 60 * local.pull_minutes)
  metrics_namespace = "OdooToQuickBooks"
  alarm_period_s    = 300
  day_s             = 86400
}

# ---------------------------------------------------------------------------------------------------------------------
# Functions
# ---------------------------------------------------------------------------------------------------------------------

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:A new account cannot reserve any; one lease per realm already keeps posters apart (var.reserved_concurrency).
  #checkov:skip=CKV_AWS_117:Odoo, Intuit and AWS are public endpoints; a network of its own would need a NAT gateway and protect nothing.
  #checkov:skip=CKV_AWS_173:Encrypted with Lambda's own key; credentials live in Secrets Manager.
  #checkov:skip=CKV_AWS_272:The zips are built and applied from the same checkout, from pinned and hashed wheels.
  for_each = local.functions

  function_name                  = "${each.key}-${var.environment}"
  description                    = each.value.description
  role                           = aws_iam_role.function[each.key].arn
  runtime                        = "python3.12"
  architectures                  = ["x86_64"] # build.sh takes compiled wheels for this one
  handler                        = "${local.modules[each.key]}.lambda_handler"
  filename                       = "${path.module}/lambda/${local.modules[each.key]}.zip"
  source_code_hash               = filebase64sha256("${path.module}/lambda/${local.modules[each.key]}.zip")
  timeout                        = each.value.timeout_s
  memory_size                    = each.value.memory_mb
  reserved_concurrent_executions = lookup(local.reserved_concurrency, each.key, -1)

  environment {
    variables = merge(
      {
        ENVIRONMENT                  = var.environment
        SLACK_WEBHOOK_PARAMETER      = local.slack_parameter
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
