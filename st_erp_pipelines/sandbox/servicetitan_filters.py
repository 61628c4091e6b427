"""Parameters that many of ServiceTitan's lists share."""

from __future__ import annotations

from st_erp_pipelines.sandbox.servicetitan_query import activity, before, ids, since

ACTIVE = {"active": activity("True False Any")}
ACTIVE_STATE = {"activeState": activity("ActiveOnly InactiveOnly All")}
CREATED = {"createdOnOrAfter": since("createdOn"), "createdBefore": before("createdOn")}
MODIFIED = {"modifiedOnOrAfter": since("modifiedOn"), "modifiedBefore": before("modifiedOn")}
TIMES = CREATED | MODIFIED
STATUSES = "Pending Posted Exported"
IDS = {"ids": ids("id")}
ADDRESS = ("street", "unit", "city", "state", "zip", "country")
CUSTOM = "customField.Fields customField.Operator"
ONLY_ACTIVE = {"active": "True"}
ONLY_ACTIVE_STATE = {"activeState": "ActiveOnly"}
BY_TIME = "id modifiedOn createdOn"
