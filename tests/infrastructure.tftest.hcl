# What is planned with the defaults, row by row of the requirements, against a mocked provider: no account, no network.
# Policies come from a data source, which a mock does not compute; they are checked where the configuration is applied.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

variables {
  alert_email = "accounting@example.com"
}

run "functions" {
  command = plan

  # The zips are those of the handlers in lambda/: a row without a handler fails here, and a handler without a row.
  assert {
    condition = toset(keys(aws_lambda_function.this)) == toset([
      for zip in fileset("lambda", "*.zip") : replace(replace(trimsuffix(zip, ".zip"), "_", "-"), "/^tie-out$/", "odoo-qb-tie-out")
    ])
    error_message = "Every zip is one function, and every function has its zip."
  }

  assert {
    condition = alltrue([
      for names in [
        keys(aws_iam_role.function),
        keys(aws_iam_role_policy.function),
        keys(aws_cloudwatch_log_group.function),
        keys(aws_sqs_queue.dead_letter),
        keys(aws_lambda_function_event_invoke_config.function),
        keys(aws_cloudwatch_metric_alarm.errors),
        keys(aws_cloudwatch_metric_alarm.dead_letter),
      ] : toset(names) == toset(keys(aws_lambda_function.this))
    ])
    error_message = "Every function has its role, policy, log group, queue and alarms."
  }

  assert {
    condition     = length(setsubtract(["odoo-extractor", "qb-poster", "odoo-order-sync"], keys(aws_lambda_function.this))) == 0
    error_message = "The functions of the seeds are there."
  }

  assert {
    condition = alltrue([
      for name, function in aws_lambda_function.this :
      function.runtime == "python3.12" && function.architectures == tolist(["x86_64"])
    ])
    error_message = "Every function runs on Python 3.12 on x86_64."
  }

  # A36
  assert {
    condition     = aws_lambda_function.this["odoo-extractor"].function_name == "odoo-extractor-prod"
    error_message = "The extractor's name ends in the environment."
  }

  assert {
    condition     = aws_lambda_function.this["odoo-extractor"].timeout == 300 && aws_lambda_function.this["odoo-extractor"].memory_size == 512
    error_message = "The extractor has 300 s and 512 MB."
  }

  assert {
    condition     = aws_lambda_function.this["odoo-extractor"].handler == "odoo_extractor.lambda_handler"
    error_message = "The extractor's handler is odoo_extractor.lambda_handler."
  }

  # A37
  assert {
    condition     = aws_lambda_function.this["qb-poster"].function_name == "qb-poster-prod"
    error_message = "The poster's name ends in the environment."
  }

  assert {
    condition     = aws_lambda_function.this["qb-poster"].timeout == 120 && aws_lambda_function.this["qb-poster"].memory_size == 256
    error_message = "The poster has 120 s and 256 MB."
  }

  assert {
    condition     = aws_lambda_function.this["qb-poster"].handler == "qb_poster.lambda_handler"
    error_message = "The poster's handler is qb_poster.lambda_handler."
  }

  assert {
    condition     = aws_lambda_function.this["odoo-order-sync"].function_name == "odoo-order-sync-prod"
    error_message = "The order sync's name ends in the environment."
  }

  assert {
    condition     = aws_lambda_function.this["odoo-order-sync"].handler == "odoo_order_sync.lambda_handler"
    error_message = "The order sync's handler is odoo_order_sync.lambda_handler."
  }

  assert {
    condition     = aws_lambda_function.this["odoo-qb-tie-out"].handler == "tie_out.lambda_handler" && aws_lambda_function.this["odoo-qb-tie-out"].timeout == 900
    error_message = "The tie-out's handler is tie_out.lambda_handler, and it has fifteen minutes."
  }

  assert {
    condition = alltrue([
      for name, function in aws_lambda_function.this :
      function.filename == "./lambda/${replace(trimprefix(name, "odoo-qb-"), "-", "_")}.zip" && function.source_code_hash == filebase64sha256(function.filename)
    ])
    error_message = "Each function is its own zip, and a changed zip is deployed."
  }

  assert {
    condition     = alltrue([for name, function in aws_lambda_function.this : function.reserved_concurrent_executions == -1])
    error_message = "No concurrency is reserved unless asked for."
  }

  assert {
    condition     = alltrue([for name, function in aws_lambda_function.this : function.tracing_config[0].mode == "Active"])
    error_message = "Every function is traced."
  }

  # A13, A39
  assert {
    condition = alltrue([
      for name, group in aws_cloudwatch_log_group.function :
      group.name == "/aws/lambda/${name}-prod" && group.retention_in_days == 30
    ])
    error_message = "Every function logs to /aws/lambda/<function>-<env>, kept for 30 days."
  }

  assert {
    condition = alltrue([
      for name, function in aws_lambda_function.this :
      function.logging_config[0].log_group == "/aws/lambda/${name}-prod" && function.logging_config[0].log_format == "JSON"
    ])
    error_message = "Every function logs JSON to its own group."
  }

  # A16
  assert {
    condition = alltrue([
      for name, queue in aws_sqs_queue.dead_letter :
      queue.name == "${name}-dlq-prod" && queue.message_retention_seconds == 1209600 && queue.sqs_managed_sse_enabled
    ])
    error_message = "Every function has an encrypted dead-letter queue that keeps messages for 14 days."
  }

  assert {
    condition     = toset(keys(aws_sqs_queue.dead_letter)) == toset(keys(aws_lambda_function.this))
    error_message = "No function is without a dead-letter queue."
  }

  assert {
    condition     = alltrue([for name, function in aws_lambda_function.this : length(function.dead_letter_config) == 1])
    error_message = "Every function routes its failures to a dead-letter queue."
  }

  assert {
    condition = alltrue([
      for name, config in aws_lambda_function_event_invoke_config.function :
      config.maximum_retry_attempts == 2 && config.maximum_event_age_in_seconds >= 3600
    ])
    error_message = "A failed event is tried twice more and is not dropped within the hour."
  }
}

run "environment_variables" {
  command = plan

  # A46 to A52
  assert {
    condition = length(setsubtract(
      ["ENVIRONMENT", "ODOO_API_URL", "ODOO_SECRET_ARN", "DYNAMODB_TABLE", "S3_BUCKET", "SNS_ALERT_TOPIC", "SLACK_WEBHOOK_URL"],
      keys(aws_lambda_function.this["odoo-extractor"].environment[0].variables),
    )) == 0
    error_message = "The extractor gets the variables of the seed."
  }

  assert {
    condition     = aws_lambda_function.this["odoo-extractor"].environment[0].variables["ODOO_API_URL"] == "https://scalemedia.odoo.com"
    error_message = "The extractor reads from odoo_api_url."
  }

  assert {
    condition     = !contains(keys(aws_lambda_function.this["odoo-extractor"].environment[0].variables), "QB_SECRET_ARN")
    error_message = "The extractor is not told about the QuickBooks secret."
  }

  # A53 to A58
  assert {
    condition = toset(keys(aws_lambda_function.this["qb-poster"].environment[0].variables)) == toset([
      "ENVIRONMENT", "QB_SECRET_ARN", "DYNAMODB_TABLE", "S3_BUCKET", "SNS_ALERT_TOPIC", "SLACK_WEBHOOK_URL", "QB_ENVIRONMENT",
      "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL", "SLACK_WEBHOOK_PARAMETER",
    ])
    error_message = "The poster gets the variables of the seed and QB_ENVIRONMENT, and no stand-in's address unless one is given."
  }

  assert {
    condition     = aws_lambda_function.this["qb-poster"].environment[0].variables["QB_ENVIRONMENT"] == "production"
    error_message = "The poster posts to production by default."
  }

  assert {
    condition     = aws_lambda_function.this["qb-poster"].environment[0].variables["DYNAMODB_TABLE"] == "odoo-qb-invoices-prod"
    error_message = "The poster works on the tracking table."
  }

  # B3 to B7
  assert {
    condition = length(setsubtract(
      ["ENVIRONMENT", "ODOO_URL", "ODOO_DB", "ODOO_EMAIL", "ODOO_SECRET_ARN", "ODDO_RESPONSE_TABLE", "SNS_ALERT_TOPIC", "SLACK_WEBHOOK_URL"],
      keys(aws_lambda_function.this["odoo-order-sync"].environment[0].variables),
    )) == 0
    error_message = "The order sync gets the variables of its seed."
  }

  assert {
    condition     = aws_lambda_function.this["odoo-order-sync"].environment[0].variables["ODDO_RESPONSE_TABLE"] == "odoo-sale-orders-prod"
    error_message = "The order sync writes to its own table."
  }

  assert {
    condition     = !contains(keys(nonsensitive(aws_lambda_function.this["odoo-order-sync"].environment[0].variables)), "ODOO_API_KEY")
    error_message = "No empty API key hides the one in the secret."
  }

  assert {
    condition = alltrue([
      for name, function in aws_lambda_function.this :
      function.environment[0].variables["POWERTOOLS_SERVICE_NAME"] == name
      && function.environment[0].variables["POWERTOOLS_METRICS_NAMESPACE"] == "OdooToQuickBooks"
      && function.environment[0].variables["POWERTOOLS_LOG_LEVEL"] == "INFO"
    ])
    error_message = "Logs and metrics carry the function's name; the level is INFO."
  }
}

run "bucket" {
  command = plan

  assert {
    condition     = aws_s3_bucket.documents.bucket == "odoo-qb-invoices-prod-123456789012" && !aws_s3_bucket.documents.force_destroy
    error_message = "The bucket's name is unique by its account, and documents survive a destroy."
  }

  # A18
  assert {
    condition     = aws_s3_bucket_versioning.documents.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket is versioned."
  }

  # A19
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.documents.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "The bucket is encrypted with SSE-S3."
  }

  # A20
  assert {
    condition = one([
      for rule in aws_s3_bucket_lifecycle_configuration.documents.rule :
      [rule.filter[0].prefix, one(rule.transition).storage_class, one(rule.transition).days, rule.expiration[0].days]
      if rule.id == "archive-posted"
    ]) == ["posted/", "GLACIER_IR", 90, 2555]
    error_message = "What is posted is archived after 90 days and expires after seven years."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.documents.rule :
      length(rule.transition) == 0 if rule.id != "archive-posted"
    ])
    error_message = "Nothing but what is posted is ever archived."
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.documents.rule : length(rule.abort_incomplete_multipart_upload) == 1
    ])
    error_message = "Uploads that were never finished are removed."
  }

  # A21
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.documents.block_public_acls,
      aws_s3_bucket_public_access_block.documents.block_public_policy,
      aws_s3_bucket_public_access_block.documents.ignore_public_acls,
      aws_s3_bucket_public_access_block.documents.restrict_public_buckets,
    ])
    error_message = "Public access is blocked four times."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.documents.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "The account owns every object."
  }

  # A2, A8, A22, A70
  assert {
    condition = (
      length(aws_s3_bucket_notification.pending.lambda_function) == 1
      && aws_s3_bucket_notification.pending.lambda_function[0].filter_prefix == "pending/"
      && aws_s3_bucket_notification.pending.lambda_function[0].filter_suffix == ".pdf"
      && aws_s3_bucket_notification.pending.lambda_function[0].events == toset(["s3:ObjectCreated:*"])
    )
    error_message = "Exactly the PDFs created under pending/ wake the poster."
  }

  assert {
    condition = (
      aws_lambda_permission.bucket.function_name == "qb-poster-prod"
      && aws_lambda_permission.bucket.principal == "s3.amazonaws.com"
      && aws_lambda_permission.bucket.source_account == "123456789012"
    )
    error_message = "Only a bucket of this account may wake the poster."
  }

  assert {
    condition     = length(aws_s3_object.mapping) == 0
    error_message = "No mapping is uploaded unless a file is named."
  }
}

run "tables" {
  command = plan

  # A23
  assert {
    condition     = aws_dynamodb_table.tracking.name == "odoo-qb-invoices-prod" && aws_dynamodb_table.tracking.hash_key == "entry_id" && aws_dynamodb_table.tracking.range_key == null
    error_message = "The tracking table is odoo-qb-invoices-<env> by entry_id."
  }

  assert {
    condition     = alltrue([for table in [aws_dynamodb_table.tracking, aws_dynamodb_table.sale_orders] : table.billing_mode == "PAY_PER_REQUEST"])
    error_message = "Tables are paid per request."
  }

  # A24, A25
  assert {
    condition = toset([
      for index in aws_dynamodb_table.tracking.global_secondary_index :
      join(" ", compact([index.name, index.hash_key, index.range_key, index.projection_type]))
    ]) == toset(["status-index status ALL", "company-status-index company status ALL"])
    error_message = "Entries are found by status, and by company and status."
  }

  # A26
  assert {
    condition     = one(aws_dynamodb_table.tracking.ttl).enabled && one(aws_dynamodb_table.tracking.ttl).attribute_name == "expires_at"
    error_message = "TTL is by expires_at."
  }

  # A27
  assert {
    condition = alltrue([
      for table in [aws_dynamodb_table.tracking, aws_dynamodb_table.sale_orders] :
      one(table.point_in_time_recovery).enabled && table.deletion_protection_enabled
    ])
    error_message = "Tables can be restored to any second and are protected from deletion."
  }

  # B13
  assert {
    condition = (
      aws_dynamodb_table.sale_orders.name == "odoo-sale-orders-prod"
      && aws_dynamodb_table.sale_orders.hash_key == "order_name"
      && aws_dynamodb_table.sale_orders.range_key == "order_id"
      && alltrue([for attribute in aws_dynamodb_table.sale_orders.attribute : attribute.type == "S"])
    )
    error_message = "The order table is by order_name and order_id, both text."
  }

  assert {
    condition     = length(aws_dynamodb_table.sale_orders.global_secondary_index) == 0
    error_message = "The index by order_id is only where former names are looked for."
  }
}

run "secrets" {
  command = plan

  # A29
  assert {
    condition     = aws_secretsmanager_secret.odoo.name == "odoo-qb-integration/odoo-credentials-prod"
    error_message = "The Odoo secret is odoo-qb-integration/odoo-credentials-<env>."
  }

  # A30
  assert {
    condition     = aws_secretsmanager_secret.quickbooks.name == "odoo-qb-integration/quickbooks-credentials-prod"
    error_message = "The QuickBooks secret is odoo-qb-integration/quickbooks-credentials-<env>."
  }

  assert {
    condition     = aws_secretsmanager_secret.odoo.recovery_window_in_days == 30 && aws_secretsmanager_secret.quickbooks.recovery_window_in_days == 30
    error_message = "A deleted secret can be brought back for 30 days."
  }
}

run "alerts" {
  command = plan

  # A17
  assert {
    condition     = aws_sns_topic.alerts.name == "odoo-qb-alerts-prod"
    error_message = "The topic is odoo-qb-alerts-<env>."
  }

  assert {
    condition     = aws_sns_topic.alerts.kms_master_key_id == null
    error_message = "CloudWatch cannot publish to a topic that is encrypted with the key AWS manages."
  }

  assert {
    condition     = aws_sns_topic_subscription.email.protocol == "email" && aws_sns_topic_subscription.email.endpoint == "accounting@example.com"
    error_message = "alert_email is told by e-mail."
  }

  # A14
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.errors)) == toset(keys(aws_lambda_function.this)) && alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.errors :
      alarm.alarm_name == "${name}-errors-prod"
      && alarm.namespace == "AWS/Lambda"
      && alarm.metric_name == "Errors"
      && alarm.statistic == "Sum"
      && alarm.period == 300
      && alarm.threshold == 0
      && alarm.comparison_operator == "GreaterThanThreshold"
      && alarm.dimensions == tomap({ FunctionName = "${name}-prod" })
    ])
    error_message = "Every function has an alarm on Errors > 0 over 300 s."
  }

  # A15
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.dead_letter)) == toset(keys(aws_lambda_function.this)) && alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.dead_letter :
      alarm.alarm_name == "${name}-dlq-prod"
      && alarm.namespace == "AWS/SQS"
      && alarm.metric_name == "ApproximateNumberOfMessagesVisible"
      && alarm.period == 300
      && alarm.threshold == 0
      && alarm.comparison_operator == "GreaterThanThreshold"
      && alarm.dimensions == tomap({ QueueName = "${name}-dlq-prod" })
    ])
    error_message = "Every dead-letter queue has an alarm on visible messages > 0 over 300 s."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.backlog_age.namespace == "OdooToQuickBooks"
      && aws_cloudwatch_metric_alarm.backlog_age.metric_name == "BacklogAgeSeconds"
      && aws_cloudwatch_metric_alarm.backlog_age.threshold == 3600
      && aws_cloudwatch_metric_alarm.backlog_age.dimensions == tomap({ service = "qb-poster", environment = "prod" })
    )
    error_message = "A document that waits for more than an hour raises an alarm."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.refresh_token.metric_name == "RefreshTokenDaysLeft"
      && aws_cloudwatch_metric_alarm.refresh_token.statistic == "Minimum"
      && aws_cloudwatch_metric_alarm.refresh_token.comparison_operator == "LessThanThreshold"
      && aws_cloudwatch_metric_alarm.refresh_token.threshold == 14
      && aws_cloudwatch_metric_alarm.refresh_token.dimensions == tomap({ service = "qb-poster", environment = "prod" })
    )
    error_message = "A connection to QuickBooks that ends within 14 days raises an alarm."
  }

  assert {
    condition = alltrue([
      for alarm in concat(
        values(aws_cloudwatch_metric_alarm.errors),
        values(aws_cloudwatch_metric_alarm.dead_letter),
        [aws_cloudwatch_metric_alarm.backlog_age, aws_cloudwatch_metric_alarm.refresh_token, aws_cloudwatch_metric_alarm.consent],
      ) : alarm.treat_missing_data == "notBreaching"
    ])
    error_message = "Where there is nothing to count, nothing is wrong."
  }

  assert {
    condition = {
      for name, alarm in aws_cloudwatch_metric_alarm.silence : alarm.alarm_name => [
        alarm.metric_name, alarm.comparison_operator, alarm.threshold, alarm.treat_missing_data, alarm.period * alarm.evaluation_periods,
      ]
      if contains(["odoo-extractor-schedule", "qb-poster-sweep", "odoo-order-sync-schedule"], name)
      } == {
      odoo-extractor-silent-prod = ["RunsCompleted", "LessThanThreshold", 1, "breaching", 2100]
      qb-poster-silent-prod      = ["RunsCompleted", "LessThanThreshold", 1, "breaching", 600]
    }
    error_message = "Silence for two periods and five minutes is an alarm, where a schedule is enabled."
  }

  assert {
    condition = alltrue([
      for alarm in concat(
        values(aws_cloudwatch_metric_alarm.errors),
        values(aws_cloudwatch_metric_alarm.dead_letter),
        values(aws_cloudwatch_metric_alarm.silence),
        values(aws_cloudwatch_metric_alarm.alerts_undelivered),
        [aws_cloudwatch_metric_alarm.backlog_age, aws_cloudwatch_metric_alarm.refresh_token, aws_cloudwatch_metric_alarm.notifications_failed],
      ) : length(alarm.ok_actions) == 1 && length(alarm.alarm_actions) == 1
    ])
    error_message = "Every alarm tells when it begins and when it is over."
  }

  assert {
    condition     = toset([for alarm in aws_cloudwatch_metric_alarm.alerts_undelivered : alarm.dimensions["service"]]) == toset(keys(aws_lambda_function.this))
    error_message = "What cannot be told is an alarm of its own."
  }
}

run "connections" {
  command = plan

  assert {
    condition = alltrue([
      aws_cloudwatch_metric_alarm.consent.metric_name == "ConsentDaysLeft",
      aws_cloudwatch_metric_alarm.consent.threshold == 90,
      aws_cloudwatch_metric_alarm.consent.comparison_operator == "LessThanThreshold",
      aws_cloudwatch_metric_alarm.consent.alarm_name == "qb-poster-consent-prod",
      length(aws_cloudwatch_metric_alarm.consent.alarm_actions) == 1,
    ])
    error_message = "The end of a consent is told 90 days ahead."
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_metric_alarm.drift.metric_name == "DriftAgeSeconds",
      aws_cloudwatch_metric_alarm.drift.statistic == "Maximum",
      aws_cloudwatch_metric_alarm.drift.threshold == 3 * 86400,
      aws_cloudwatch_metric_alarm.drift.period == 86400,
      aws_cloudwatch_metric_alarm.drift.alarm_name == "qb-poster-drift-prod",
      length(aws_cloudwatch_metric_alarm.drift.alarm_actions) == 1,
    ])
    error_message = "A change made in QuickBooks that nobody accepts for three days is said."
  }
}

run "no_audit_trail_by_default" {
  command = plan

  assert {
    condition     = length(aws_cloudtrail.audit) + length(aws_s3_bucket.audit) + length(aws_s3_bucket_policy.audit) == 0
    error_message = "Nobody pays for a trail that nobody asked for."
  }

  assert {
    condition = one([
      for rule in aws_s3_bucket_lifecycle_configuration.documents.rule :
      rule.noncurrent_version_expiration[0].noncurrent_days if rule.id == "tidy-up"
    ]) == 90
    error_message = "A replaced or deleted object can be brought back for 90 days."
  }
}

run "audit_trail_where_an_auditor_asks" {
  command = plan

  variables {
    audit_trail_enabled           = true
    audit_trail_retention_days    = 3650
    object_version_retention_days = 365
  }

  assert {
    condition     = one(aws_cloudtrail.audit).name == "odoo-qb-audit-prod" && one(aws_cloudtrail.audit).enable_log_file_validation
    error_message = "The trail has the environment's name, and its files can be proved to be unchanged."
  }

  assert {
    condition = toset(flatten([
      for selector in one(aws_cloudtrail.audit).advanced_event_selector : [
        for field in selector.field_selector : field.equals if field.field == "resources.type"
      ]
    ])) == toset(["AWS::S3::Object", "AWS::DynamoDB::Table"])
    error_message = "Accesses to objects and to items are recorded."
  }

  assert {
    condition = alltrue([
      one(aws_s3_bucket_lifecycle_configuration.audit).rule[0].expiration[0].days == 3650,
      one(aws_s3_bucket_public_access_block.audit).block_public_policy,
      one(aws_s3_bucket_versioning.audit).versioning_configuration[0].status == "Enabled",
    ])
    error_message = "The records are kept as long as asked, versioned and closed to the public."
  }

  assert {
    condition = one([
      for rule in aws_s3_bucket_lifecycle_configuration.documents.rule :
      rule.noncurrent_version_expiration[0].noncurrent_days if rule.id == "tidy-up"
    ]) == 365
    error_message = "Object versions are kept as long as asked."
  }
}

run "dashboard" {
  command = plan

  assert {
    condition     = aws_cloudwatch_dashboard.this.dashboard_name == "odoo-to-quickbooks-prod"
    error_message = "The dashboard's name ends in the environment."
  }

  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      contains([for group in aws_cloudwatch_log_group.function : "SOURCE '${group.name}'"], split(" | ", widget.properties.query)[0])
    ])
    error_message = "Every question is asked of the log of a function."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.tie_out["TieOutUnexplained"].alarm_name == "tie-out-unexplained-prod" && aws_cloudwatch_metric_alarm.tie_out["MonthsOverdue"].alarm_name == "tie-out-overdue-prod"
    error_message = "What nothing explains and what is overdue are alarms."
  }
}

run "schedules" {
  command = plan

  # A38, A44
  assert {
    condition = {
      for name, rule in aws_cloudwatch_event_rule.schedule : rule.name => rule.schedule_expression
      if contains(["odoo-extractor-schedule", "qb-poster-sweep", "odoo-order-sync-schedule"], name)
      } == {
      odoo-extractor-schedule-prod  = "rate(15 minutes)"
      qb-poster-sweep-prod          = "rate(1 minute)"
      odoo-order-sync-schedule-prod = "rate(15 minutes)"
    }
    error_message = "Odoo is asked every 15 minutes, due entries are looked for every minute."
  }

  assert {
    condition = {
      for name, target in aws_cloudwatch_event_target.schedule : target.rule => [target.target_id, jsondecode(target.input)]
      if contains(["odoo-extractor-schedule", "qb-poster-sweep", "odoo-order-sync-schedule"], name)
      } == {
      odoo-extractor-schedule-prod  = ["odoo-extractor", { go_on_for_s = 900 }]
      qb-poster-sweep-prod          = ["qb-poster", { sweep = true }]
      odoo-order-sync-schedule-prod = ["odoo-order-sync", {}]
    }
    error_message = "Each schedule wakes its own function with the event that function understands."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.schedule["qb-poster-watch"].schedule_expression == var.schedule_rate && jsondecode(aws_cloudwatch_event_target.schedule["qb-poster-watch"].input) == { watch = true }
    error_message = "What people do in QuickBooks is looked at as often as Odoo is asked."
  }

  assert {
    condition = alltrue([
      for name, permission in aws_lambda_permission.schedule :
      permission.principal == "events.amazonaws.com" && permission.action == "lambda:InvokeFunction"
    ])
    error_message = "EventBridge may invoke what it schedules."
  }

  assert {
    condition     = length(distinct([for permission in aws_lambda_permission.schedule : "${permission.function_name} ${permission.statement_id}"])) == length(aws_lambda_permission.schedule)
    error_message = "AWS refuses two statements of one id in the policy of a function."
  }

  assert {
    condition = anytrue([
      for statement in local.functions["odoo-extractor"].statements :
      statement.sid == "StartItself" && statement.actions == ["lambda:InvokeFunction"]
    ])
    error_message = "A pull that runs out of time starts its next part."
  }

  assert {
    condition = (
      aws_cloudwatch_event_rule.schedule["odoo-extractor-schedule"].state == "ENABLED"
      && aws_cloudwatch_event_rule.schedule["qb-poster-sweep"].state == "ENABLED"
      && aws_cloudwatch_event_rule.schedule["odoo-order-sync-schedule"].state == "DISABLED"
    )
    error_message = "Sale orders are copied once their database and login are given."
  }
}

run "before_the_mapping" {
  command = plan

  variables {
    schedules_enabled = false
    odoo_database     = "main"
    odoo_email        = "orders@example.com"
  }

  assert {
    condition     = alltrue([for rule in aws_cloudwatch_event_rule.schedule : rule.state == "DISABLED"])
    error_message = "Nothing runs by itself until somebody has said where to begin."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.silence) == 0
    error_message = "What is not to run is not missed."
  }
}

run "outputs" {
  command = plan

  assert {
    condition     = output.warnings == tolist(["odoo_api_url is the default, https://scalemedia.odoo.com, which is somebody's server: set your own."])
    error_message = "The seed's default is kept, and said to be somebody's server."
  }

  # A64 to A69
  assert {
    condition = (
      output.dynamodb_table_name == "odoo-qb-invoices-prod"
      && output.sale_orders_table_name == "odoo-sale-orders-prod"
      && output.extractor_function_name == "odoo-extractor-prod"
      && output.poster_function_name == "qb-poster-prod"
      && output.order_sync_function_name == "odoo-order-sync-prod"
    )
    error_message = "The outputs name what was created."
  }
}

run "another_environment" {
  command = plan

  variables {
    aws_region                = "eu-central-1"
    environment               = "staging-2"
    odoo_api_url              = "http://127.0.0.1:8069"
    schedule_rate             = "cron(0/15 6-20 ? * MON-FRI *)"
    order_sync_schedule_rate  = "rate(1 hour)"
    odoo_database             = "main"
    odoo_email                = "orders@example.com"
    odoo_api_key              = "made-up-key"
    slack_webhook_url         = "https://hooks.slack.com/services/T0/B0/made-up"
    quickbooks_environment    = "sandbox"
    quickbooks_api_url        = "http://127.0.0.1:9000"
    quickbooks_discovery_url  = "http://127.0.0.1:9000/.well-known/openid_configuration"
    mapping_file              = "pyproject.toml" # any TOML file will do here
    backlog_age_alarm_minutes = 90
    log_level                 = "DEBUG"
    log_retention_days        = 365
    reserved_concurrency      = { qb-poster = 10 }

    order_sync_history_enabled = true
  }

  assert {
    condition = (
      one(aws_dynamodb_table.sale_orders.global_secondary_index).name == "order-id-index"
      && one(aws_dynamodb_table.sale_orders.global_secondary_index).hash_key == "order_id"
      && one(aws_dynamodb_table.sale_orders.global_secondary_index).projection_type == "KEYS_ONLY"
    )
    error_message = "Where the whole history is copied, the items of an order's former names are found by its id."
  }

  assert {
    condition = (
      length([for one in local.functions["odoo-order-sync"].statements : one if one.sid == "FindFormerNames"]) == 1
      && length([for one in local.functions["odoo-order-sync"].statements : one if contains(one.actions, "dynamodb:Scan")]) == 0
    )
    error_message = "The order sync may ask the index, and nothing may scan the table."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_target.schedule["odoo-extractor-schedule"].input) == {}
    error_message = "Of a cron expression nobody knows how long a pull may go on."
  }

  assert {
    condition     = aws_lambda_function.this["odoo-extractor"].timeout == 300
    error_message = "Of a cron expression nobody knows how soon the next pull comes."
  }

  assert {
    condition = alltrue([
      aws_lambda_function.this["qb-poster"].function_name == "qb-poster-staging-2",
      aws_dynamodb_table.tracking.name == "odoo-qb-invoices-staging-2",
      aws_sns_topic.alerts.name == "odoo-qb-alerts-staging-2",
      aws_secretsmanager_secret.odoo.name == "odoo-qb-integration/odoo-credentials-staging-2",
      aws_cloudwatch_event_rule.schedule["qb-poster-sweep"].name == "qb-poster-sweep-staging-2",
      aws_cloudwatch_metric_alarm.errors["qb-poster"].alarm_name == "qb-poster-errors-staging-2",
    ])
    error_message = "Every name ends in the environment."
  }

  assert {
    condition = alltrue([
      aws_lambda_function.this["qb-poster"].environment[0].variables["QB_ENVIRONMENT"] == "sandbox",
      aws_lambda_function.this["qb-poster"].environment[0].variables["QB_API_URL"] == "http://127.0.0.1:9000",
      aws_lambda_function.this["qb-poster"].environment[0].variables["QB_DISCOVERY_URL"] == "http://127.0.0.1:9000/.well-known/openid_configuration",
    ])
    error_message = "The poster can be pointed at a stand-in."
  }

  assert {
    condition = nonsensitive(alltrue([
      for name, function in aws_lambda_function.this :
      function.environment[0].variables["SLACK_WEBHOOK_URL"] == "https://hooks.slack.com/services/T0/B0/made-up"
    ]))
    error_message = "Every function alerts to Slack when a webhook is given."
  }

  assert {
    condition     = join(" ", output.warnings) == "slack_webhook_url is deprecated, because Terraform keeps it in its state: run `./oqb connect --slack`, then remove it. odoo_api_key is deprecated, because Terraform keeps it in its state: run `./oqb connect --order-sync-key`, then remove it."
    error_message = "What would be in the state is warned of, and a server of one's own is not."
  }

  assert {
    condition     = nonsensitive(aws_lambda_function.this["odoo-order-sync"].environment[0].variables["ODOO_API_KEY"] == "made-up-key")
    error_message = "An API key of its own reaches the order sync."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.schedule["odoo-order-sync-schedule"].state == "ENABLED"
    error_message = "Sale orders are copied once their database and login are given."
  }

  assert {
    condition     = aws_s3_object.mapping[0].key == "config/mapping.toml"
    error_message = "The mapping is uploaded where extractor and poster read it."
  }

  assert {
    condition = (
      aws_lambda_function.this["qb-poster"].reserved_concurrent_executions == 10
      && aws_lambda_function.this["odoo-extractor"].reserved_concurrent_executions == -1
    )
    error_message = "Concurrency is reserved for the function it was asked for."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.backlog_age.threshold == 5400 && aws_cloudwatch_log_group.function["qb-poster"].retention_in_days == 365
    error_message = "Minutes become seconds, and logs are kept as asked."
  }
}
