# Every validation refuses what it is there for; several at a time, because each run is a whole plan.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
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

run "what_is_easily_mistyped_is_refused" {
  command = plan

  variables {
    aws_region                = "Oregon"
    environment               = "Production"
    odoo_api_url              = "http://company.odoo.com" # credentials would travel in the clear
    schedule_rate             = "15 minutes"
    order_sync_schedule_rate  = "rate(0 minutes)"
    quickbooks_environment    = "prod"
    quickbooks_api_url        = "http://quickbooks.example.com"
    quickbooks_discovery_url  = "openid_configuration"
    mapping_file              = "no-such-file.toml"
    alert_email               = "accounting"
    slack_webhook_url         = "https://example.com/hook"
    backlog_age_alarm_minutes = 0 # would always ring
    tie_out_overdue_days      = 0
    log_level                 = "ERROR" # would silence the metrics
    log_retention_days        = 31
    reserved_concurrency      = { qb-poster = -2 }
    secret_recovery_days      = 3
  }

  expect_failures = [
    var.aws_region,
    var.environment,
    var.odoo_api_url,
    var.schedule_rate,
    var.order_sync_schedule_rate,
    var.quickbooks_environment,
    var.quickbooks_api_url,
    var.quickbooks_discovery_url,
    var.mapping_file,
    var.alert_email,
    var.slack_webhook_url,
    var.backlog_age_alarm_minutes,
    var.tie_out_overdue_days,
    var.log_level,
    var.log_retention_days,
    var.reserved_concurrency,
    var.secret_recovery_days,
  ]
}

run "what_aws_or_odoo_would_refuse_later_is_refused_now" {
  command = plan

  variables {
    environment               = "a-name-that-is-too-long"
    odoo_api_url              = "https://company.odoo.com/web"
    schedule_rate             = "rate(1 minutes)"
    order_sync_schedule_rate  = "cron(0/15 * * * *)" # five fields
    mapping_file              = "main.tf"
    alert_email               = "a@example.com, b@example.com"
    backlog_age_alarm_minutes = 7.5
    reserved_concurrency      = { qb-poster = 0 } # could never run
    secret_recovery_days      = 31
  }

  expect_failures = [
    var.environment,
    var.odoo_api_url,
    var.schedule_rate,
    var.order_sync_schedule_rate,
    var.mapping_file,
    var.alert_email,
    var.backlog_age_alarm_minutes,
    var.reserved_concurrency,
    var.secret_recovery_days,
  ]
}

run "what_is_empty_or_incomplete_is_refused" {
  command = plan

  variables {
    environment              = ""
    odoo_api_url             = "company.odoo.com"
    schedule_rate            = ""
    order_sync_schedule_rate = "rate(2 minute)"
    alert_email              = ""
    slack_webhook_url        = "https://hooks.slack.com/"

    object_version_retention_days = 0
    audit_trail_retention_days    = 1.5
  }

  expect_failures = [
    var.environment,
    var.odoo_api_url,
    var.schedule_rate,
    var.order_sync_schedule_rate,
    var.alert_email,
    var.slack_webhook_url,
    var.object_version_retention_days,
    var.audit_trail_retention_days,
  ]
}
