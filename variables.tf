variable "aws_region" {
  description = "AWS region everything is created in."
  type        = string
  default     = "us-west-2"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.aws_region))
    error_message = "Give the region's code, for example `us-west-2`."
  }
}

variable "environment" {
  description = "Name of this installation; it ends every resource's name, so that several can share an account."
  type        = string
  default     = "prod"

  validation {
    condition     = can(regex("^[a-z0-9-]{1,20}$", var.environment))
    error_message = "Use 1 to 20 lower-case letters, digits and hyphens, for example `prod`: bucket names allow nothing else."
  }
}

variable "tags" {
  description = "Further tags for every resource."
  type        = map(string)
  default     = {}
}

# Odoo

variable "odoo_api_url" {
  description = "Address of the Odoo server, without a path."
  type        = string
  default     = "https://scalemedia.odoo.com"

  validation {
    condition     = can(regex("^(https://[A-Za-z0-9.-]+|http://(localhost|127\\.0\\.0\\.1))(:[0-9]+)?/?$", var.odoo_api_url))
    error_message = "Give the server's address alone, for example `https://company.odoo.com`: https:// (http:// only for localhost or 127.0.0.1), and no path such as /web or /odoo."
  }
}

variable "schedule_rate" {
  description = "How often Odoo is asked for documents."
  type        = string
  default     = "rate(15 minutes)"

  validation {
    condition     = can(regex("^(rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\)|cron\\(\\S+( \\S+){5}\\))$", var.schedule_rate))
    error_message = "Write `rate(15 minutes)`, `rate(1 hour)` (singular for 1) or `cron(0/15 6-20 ? * MON-FRI *)` (six fields, UTC)."
  }
}

variable "schedules_enabled" {
  description = "Whether anything runs by itself; false until the mapping says from which date on documents are carried."
  type        = bool
  default     = true
}

variable "order_sync_schedule_rate" {
  description = "How often the newest sale orders are copied."
  type        = string
  default     = "rate(15 minutes)"

  validation {
    condition     = can(regex("^(rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\)|cron\\(\\S+( \\S+){5}\\))$", var.order_sync_schedule_rate))
    error_message = "Write `rate(15 minutes)`, `rate(1 hour)` (singular for 1) or `cron(0/15 6-20 ? * MON-FRI *)` (six fields, UTC)."
  }
}

variable "order_sync_history_enabled" {
  description = "Copy every sale order written since the last run with its lines, not only the newest hundred, and mark the items of former names."
  type        = bool
  default     = false
}

variable "odoo_database" {
  description = "Odoo database of the sale orders; without it and odoo_email they are not copied on a schedule."
  type        = string
  default     = ""
}

variable "odoo_email" {
  description = "Odoo login for the sale orders; without it and odoo_database they are not copied on a schedule."
  type        = string
  default     = ""
}

variable "odoo_api_key" {
  description = "Deprecated, because Terraform keeps it in its state: the Odoo key of the sale orders. Use `./oqb connect --order-sync-key`."
  type        = string
  default     = ""
  sensitive   = true
}

# QuickBooks

variable "quickbooks_environment" {
  description = "Which QuickBooks is posted to."
  type        = string
  default     = "production"

  validation {
    condition     = contains(["production", "sandbox"], var.quickbooks_environment)
    error_message = "Allowed values: `production`, `sandbox`."
  }
}

variable "quickbooks_api_url" {
  description = "Address of a QuickBooks stand-in, the part before /v3/company; empty: Intuit's, by quickbooks_environment."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^(https://[^/\\s]+|http://(localhost|127\\.0\\.0\\.1)(:[0-9]+)?)(/\\S*)?$", var.quickbooks_api_url))
    error_message = "Leave it empty for Intuit's own, or give an address that starts with https:// (http:// only for localhost or 127.0.0.1)."
  }
}

variable "quickbooks_discovery_url" {
  description = "Address of a stand-in's OAuth discovery document; empty: Intuit's, by quickbooks_environment."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^(https://[^/\\s]+|http://(localhost|127\\.0\\.0\\.1)(:[0-9]+)?)(/\\S*)?$", var.quickbooks_discovery_url))
    error_message = "Leave it empty for Intuit's own, or give an address that starts with https:// (http:// only for localhost or 127.0.0.1)."
  }
}

variable "mapping_file" {
  description = "TOML file with each company's mapping and go-live date (see mapping.toml.example), uploaded as config/mapping.toml; empty: none."
  type        = string
  default     = ""

  validation {
    condition     = var.mapping_file == "" || (can(regex("\\.toml$", var.mapping_file)) && try(fileexists(var.mapping_file), false))
    error_message = "Leave it empty, or name an existing file that ends in .toml."
  }
}

# Alerts and logs

variable "alert_email" {
  description = "The address that gets an e-mail when something needs a person."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "Give one e-mail address, for example `accounting@company.com`."
  }
}

variable "slack_webhook_url" {
  description = "Deprecated, because Terraform keeps it in its state: the incoming webhook of Slack. Use `./oqb connect --slack`."
  type        = string
  default     = ""
  sensitive   = true

  validation {
    condition     = can(regex("^$|^https://hooks\\.slack\\.com/\\S+$", var.slack_webhook_url))
    error_message = "Leave it empty, or give an incoming webhook, which starts with https://hooks.slack.com/ and has a path."
  }
}

variable "backlog_age_alarm_minutes" {
  description = "How long a due document may wait before an alarm says so."
  type        = number
  default     = 60

  validation {
    condition     = var.backlog_age_alarm_minutes >= 5 && floor(var.backlog_age_alarm_minutes) == var.backlog_age_alarm_minutes
    error_message = "Give whole minutes, 5 or more: the alarm looks every 5 minutes."
  }
}

variable "tie_out_overdue_days" {
  description = "How many days after its end a month that does not tie out is an alarm."
  type        = number
  default     = 10

  validation {
    condition     = var.tie_out_overdue_days >= 1 && var.tie_out_overdue_days <= 90 && floor(var.tie_out_overdue_days) == var.tie_out_overdue_days
    error_message = "Give whole days, 1 to 90."
  }
}

variable "log_level" {
  description = "How much the functions log."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "Allowed values: `DEBUG`, `INFO`. The metrics travel in the log at level INFO, so a higher level would silence them and their alarms."
  }
}

variable "log_retention_days" {
  description = "How many days CloudWatch keeps the logs."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch allows 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

# What an auditor may ask for

variable "object_version_retention_days" {
  description = "How many days a replaced or deleted object of the bucket can be brought back."
  type        = number
  default     = 90

  validation {
    condition     = var.object_version_retention_days >= 1 && floor(var.object_version_retention_days) == var.object_version_retention_days
    error_message = "Give whole days, 1 or more."
  }
}

variable "audit_trail_enabled" {
  description = "Whether CloudTrail records every access to the bucket's objects and the tables' items (audit.tf; AWS charges per event)."
  type        = bool
  default     = false
}

variable "audit_trail_retention_days" {
  description = "How many days the records of the audit trail are kept."
  type        = number
  default     = 2555

  validation {
    condition     = var.audit_trail_retention_days >= 1 && floor(var.audit_trail_retention_days) == var.audit_trail_retention_days
    error_message = "Give whole days, 1 or more."
  }
}

# Operation

variable "reserved_concurrency" {
  description = "Concurrency reserved per function, for example { qb-poster = 10 }; a function not named has none reserved (-1)."
  type        = map(number)
  default     = {}

  # local.reserved_concurrency refuses a name that is no function's.
  validation {
    condition     = alltrue([for count in values(var.reserved_concurrency) : count == -1 || count >= 1])
    error_message = "Allowed values: 1 or more, or -1 for none reserved."
  }
}

variable "deletion_protection_enabled" {
  description = "Whether AWS refuses to delete the tables; the tracking table is what guards against posting twice."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may delete the bucket with the documents in it."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "How many days a deleted secret can be brought back; 0 deletes it at once."
  type        = number
  default     = 30

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "AWS allows 7 to 30 days, or 0 to delete at once."
  }
}
