"""ServiceTitan and an ERP kept in agreement by Dagster: extracted, staged, mapped, posted exactly once."""
