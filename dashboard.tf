# What a person looks at before asking: one page of figures over the last weeks.

locals {
  # Each widget: its title, statistic, period, and the metrics of which function it shows.
  dashboard = [
    {
      title    = "Age of the oldest that waits, in seconds"
      stat     = "Maximum"
      period_s = 300
      metrics  = { qb-poster = ["BacklogAgeSeconds"] }
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
      title    = "Months that are overdue, and differences that nothing explains"
      stat     = "Maximum"
      period_s = local.day_s
      metrics  = { odoo-qb-tie-out = ["MonthsOverdue", "TieOutUnexplained"] }
    },
  ]

  # What no alarm watches is no metric, which costs every month, but a field of each run's line in the log.
  dashboard_of_logs = [
    {
      title    = "Documents per hour"
      stat     = "sum"
      period   = "1h"
      function = "odoo-extractor"
      figures  = ["DocumentsFound", "DocumentsFailed"]
    },
    {
      title    = "Documents in QuickBooks per hour"
      stat     = "sum"
      period   = "1h"
      function = "qb-poster"
      figures  = ["DocumentsPosted", "DocumentsVoided", "DocumentsFailed"]
    },
    {
      title    = "Documents that wait"
      stat     = "max"
      period   = "5m"
      function = "qb-poster"
      figures  = ["Backlog"]
    },
    {
      title    = "Metered reads of QuickBooks per hour by the poster"
      stat     = "sum"
      period   = "1h"
      function = "qb-poster"
      figures  = ["MeteredReads"]
    },
    {
      title    = "Metered reads of QuickBooks per day by the tie-out"
      stat     = "sum"
      period   = "1d"
      function = "odoo-qb-tie-out"
      figures  = ["MeteredReads"]
    },
    {
      title    = "Months that ended and do not tie out"
      stat     = "max"
      period   = "1d"
      function = "odoo-qb-tie-out"
      figures  = ["MonthsOpen", "MonthsNotKnown"]
    },
  ]

  dashboard_columns = 2
  dashboard_width   = 12
  dashboard_height  = 6

  # What a figure over time does not say: `message` is the line that the function writes, `shows` what is asked of it.
  dashboard_of_lines = [
    {
      title    = "Tie-out of each company and month, as compared last"
      function = "odoo-qb-tie-out"
      message  = "month compared"
      shows    = "stats latest(verdict) as result, latest(sentence) as says by company, month | sort month desc, company asc"
    },
    {
      title    = "Documents that failed, by cause"
      function = "qb-poster"
      message  = "document failed"
      shows    = "stats count(*) as times, count_distinct(entry_id) as documents by company, code | sort times desc"
    },
  ]

  dashboard_metrics = [
    for widget in local.dashboard : {
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
  ]

  dashboard_queries = [
    for widget in local.dashboard_of_logs : {
      title  = widget.title
      region = var.aws_region
      view   = "timeSeries"
      query = join(" | ", [
        "SOURCE '${aws_cloudwatch_log_group.function[widget.function].name}'",
        "filter ispresent(${widget.figures[0]})",
        "stats ${join(", ", [for name in widget.figures : "${widget.stat}(${name}) as ${name}_"])} by bin(${widget.period})",
      ])
    }
  ]

  dashboard_tables = [
    for widget in local.dashboard_of_lines : {
      title  = widget.title
      region = var.aws_region
      view   = "table"
      query = join(" | ", [
        "SOURCE '${aws_cloudwatch_log_group.function[widget.function].name}'",
        "filter message = '${widget.message}'",
        widget.shows,
      ])
    }
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "odoo-to-quickbooks-${var.environment}"

  dashboard_body = jsonencode({
    start          = "-PT336H"
    periodOverride = "inherit"
    widgets = [
      for position, properties in concat(local.dashboard_metrics, local.dashboard_queries, local.dashboard_tables) : {
        type       = contains(keys(properties), "query") ? "log" : "metric"
        x          = position % local.dashboard_columns * local.dashboard_width
        y          = floor(position / local.dashboard_columns) * local.dashboard_height
        width      = local.dashboard_width
        height     = local.dashboard_height
        properties = properties
      }
    ]
  })
}
