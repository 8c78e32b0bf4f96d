# What a person looks at before asking: one page of figures over the last weeks.

locals {
  # Each widget: its title, statistic, period, and the metrics of which function it shows.
  dashboard = [
    {
      title    = "Documents per hour"
      stat     = "Sum"
      period_s = 3600
      metrics = {
        odoo-extractor = ["DocumentsFound"]
        qb-poster      = ["DocumentsPosted", "DocumentsVoided"]
      }
    },
    {
      title    = "Documents that need a person, per hour"
      stat     = "Sum"
      period_s = 3600
      metrics = {
        odoo-extractor = ["DocumentsFailed"]
        qb-poster      = ["DocumentsFailed"]
      }
    },
    {
      title    = "Documents that wait"
      stat     = "Maximum"
      period_s = 300
      metrics  = { qb-poster = ["Backlog"] }
    },
    {
      title    = "Age of the oldest that waits, in seconds"
      stat     = "Maximum"
      period_s = 300
      metrics  = { qb-poster = ["BacklogAgeSeconds"] }
    },
    {
      title    = "Metered reads of QuickBooks per hour"
      stat     = "Sum"
      period_s = 3600
      metrics = {
        qb-poster       = ["MeteredReads"]
        odoo-qb-tie-out = ["MeteredReads"]
      }
    },
    {
      title    = "Days left of the connection that ends first"
      stat     = "Minimum"
      period_s = local.day_s
      metrics  = { qb-poster = ["RefreshTokenDaysLeft"] }
    },
    {
      title    = "Changes made in QuickBooks that nobody has accepted"
      stat     = "Maximum"
      period_s = 3600
      metrics  = { qb-poster = ["DriftOpen"] }
    },
    {
      title    = "Months that ended and do not tie out, and differences that nothing explains"
      stat     = "Maximum"
      period_s = local.day_s
      metrics  = { odoo-qb-tie-out = ["MonthsOpen", "MonthsNotKnown", "MonthsOverdue", "TieOutUnexplained"] }
    },
  ]

  dashboard_columns = 2
  dashboard_width   = 12
  dashboard_height  = 6
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "odoo-to-quickbooks-${var.environment}"

  dashboard_body = jsonencode({
    start          = "-PT336H"
    periodOverride = "inherit"
    widgets = [
      for position, widget in local.dashboard : {
        type   = "metric"
        x      = position % local.dashboard_columns * local.dashboard_width
        y      = floor(position / local.dashboard_columns) * local.dashboard_height
        width  = local.dashboard_width
        height = local.dashboard_height
        properties = {
          title  = widget.title
          region = var.aws_region
          stat   = widget.stat
          period = widget.period_s
          view   = "timeSeries"
          yAxis  = { left = { min = 0 } }
          metrics = concat([
            for function, names in widget.metrics : [
              for name in names : [local.metrics_namespace, name, "service", function, "environment", var.environment]
            ]
          ]...)
        }
      }
    ]
  })
}
