"""Daily partitions of a connection, and which of a run's days an asset works on."""

from datetime import date

import dagster as dg

from st_erp_pipelines.settings import Connection

OPEN_DAYS_ONLY = "st_erp/open_days_only"  # a run with this tag reads no day again that was read after it ended

# What a flow needs: lists and staging are read and built once for all its days, and its brakes count the whole range.
EVERY_RANGE_IN_ONE_RUN = dg.BackfillPolicy.single_run()
# What no flow needs: days are independent, there may be years of them, and a run that dies loses a month at most.
A_MONTH_IN_ONE_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=31)


def daily(connection: Connection) -> dg.DailyPartitionsDefinition:
    """From the first day extracted to today, so that today exists while it is still going on."""
    return dg.DailyPartitionsDefinition(
        start_date=connection.start_date.isoformat(), timezone=connection.time_zone, end_offset=1
    )


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]
