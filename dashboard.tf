# What a person looks at before asking: one page of figures over the last weeks.

locals {
  # Each figure is a field of each run's line in the log. A metric is sent only while an alarm may need it.
  dashboard_figures = [
    {
      title    = "Age of the oldest that waits, in seconds"
      stat     = "max"
      period   = "5m"
      function = "qb-poster"
      figures  = ["BacklogAgeSeconds"]
    },
    {
      title    = "Changes made in QuickBooks that nobody has accepted"
      stat     = "max"
      period   = "1h"
      function = "qb-poster"
      figures  = ["DriftOpen"]
    },
    {
      title    = "Months that are overdue, and differences that nothing explains"
      stat     = "max"
      period   = "1d"
      function = "odoo-qb-tie-out"
      figures  = ["MonthsOverdue", "TieOutUnexplained"]
    },
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
  dashboard_tables = [
    {
      title    = "Tie-out of each company and month, as compared last"
      function = "odoo-qb-tie-out"
      message  = "month compared"
      shows    = "stats latest(verdict) as result, latest(sentence) as says by company, month | sort month desc, company asc"
    },
    {
      title    = "Days left of each connection: without being used, and however it is used"
      function = "qb-poster"
      message  = "connection"
      shows    = "stats latest(days_left) as unused, latest(consent_days_left) as consent by company | sort unused asc"
    },
    {
      title    = "Documents that failed, by cause"
      function = "qb-poster"
      message  = "document failed"
      shows    = "stats count(*) as times, count_distinct(entry_id) as documents by company, code | sort times desc"
    },
  ]

  # What each widget asks of the log of its function, in steps. A metric's values are a list in the log: its first is the
  # figure, or the field is the figure itself.
  dashboard_widgets = concat(
    [
      for widget in local.dashboard_figures : {
        title    = widget.title
        function = widget.function
        view     = "timeSeries"
        steps = [
          "filter ispresent(${widget.figures[0]}.0) or ispresent(${widget.figures[0]})",
          "stats ${join(", ", [for name in widget.figures : "${widget.stat}(coalesce(${name}.0, ${name})) as ${name}_"])} by bin(${widget.period})",
        ]
      }
    ],
    [
      for widget in local.dashboard_tables : {
        title    = widget.title
        function = widget.function
        view     = "table"
        steps    = ["filter message = '${widget.message}'", widget.shows]
      }
    ],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "odoo-to-quickbooks-${var.environment}"

  dashboard_body = jsonencode({
    start          = "-PT336H"
    periodOverride = "inherit"
    widgets = [
      for position, widget in local.dashboard_widgets : {
        type   = "log"
        x      = position % local.dashboard_columns * local.dashboard_width
        y      = floor(position / local.dashboard_columns) * local.dashboard_height
        width  = local.dashboard_width
        height = local.dashboard_height
        properties = {
          title  = widget.title
          region = var.aws_region
          view   = widget.view
          query  = join(" | ", concat(["SOURCE '${aws_cloudwatch_log_group.function[widget.function].name}'"], widget.steps))
        }
      }
    ]
  })
}
