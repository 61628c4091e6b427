"""From staging and mapping to the documents of the three flows."""

from st_erp_pipelines.staging.documents.invoices import build_invoices
from st_erp_pipelines.staging.documents.known import KnownDocument, KnownDocuments, Link

__all__ = ["KnownDocument", "KnownDocuments", "Link", "build_invoices"]
