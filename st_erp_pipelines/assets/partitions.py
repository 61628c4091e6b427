"""Daily partitions of a connection, and which of a run's days an asset works on."""

from datetime import date

import dagster as dg

from st_erp_pipelines.settings import Connection

OPEN_DAYS_ONLY = "st_erp/open_days_only"  # a run with this tag reads no day again that was read after it ended
EVERY_RANGE_IN_ONE_RUN = dg.BackfillPolicy.single_run()


def daily(connection: Connection) -> dg.DailyPartitionsDefinition:
    """From the first day extracted to today, so that today exists while it is still going on."""
    return dg.DailyPartitionsDefinition(
        start_date=connection.start_date.isoformat(), timezone=connection.time_zone, end_offset=1
    )


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    return [date.fromisoformat(key) for key in context.partition_keys]
