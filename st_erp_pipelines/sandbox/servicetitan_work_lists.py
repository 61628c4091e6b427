"""Where and for what the work was done: locations, jobs and projects."""

from __future__ import annotations

from st_erp_pipelines.sandbox.servicetitan_filters import (
    ACTIVE,
    ADDRESS,
    BY_TIME,
    IDS,
    ONLY_ACTIVE,
    TIMES,
)
from st_erp_pipelines.sandbox.servicetitan_query import (
    EXTERNAL_DATA,
    Listing,
    Single,
    before,
    choice,
    contains,
    ids,
    number,
    since,
    text,
)

JOB_STATUSES = "Scheduled Dispatched InProgress Hold Completed Canceled"

WORK = (
    Listing(
        "crm",
        "/locations",
        "locations",
        "tn.crm.locations:r",
        IDS
        | ACTIVE
        | TIMES
        | EXTERNAL_DATA
        | {"name": contains("name"), "customerId": number("customerId")}
        | {part: contains(f"address.{part}") for part in ADDRESS},
        sort=BY_TIME,
        defaults=ONLY_ACTIVE,
        unserved="latitude longitude",
    ),
    Listing(
        "jpm",
        "/jobs",
        "jobs",
        "tn.jpm.jobs:r",
        IDS
        | TIMES
        | EXTERNAL_DATA
        | {
            "number": text("jobNumber"),
            "projectId": number("projectId"),
            "bookingId": number("bookingId"),
            "jobStatus": choice("jobStatus", JOB_STATUSES),
            "priority": choice("priority", "Low Normal High Urgent"),
            "customerId": number("customerId"),
            "locationId": number("locationId"),
            "soldById": number("soldById"),
            "jobTypeId": number("jobTypeId"),
            "campaignId": number("campaignId"),
            "businessUnitId": number("businessUnitId"),
            "invoiceId": number("invoiceId"),
            "createdFromEstimateId": number("createdFromEstimateId"),
            "estimateIds": ids("estimateIds"),
            "completedOnOrAfter": since("completedOn"),
            "completedBefore": before("completedOn"),
            "tagTypeIds": ids("tagTypeIds"),
            "equipmentIds": ids("equipmentIds"),
        },
        sort=f"{BY_TIME} priority",
        unserved="appointmentStatus firstAppointmentStartsOnOrAfter firstAppointmentStartsBefore "
        "appointmentStartsOnOrAfter appointmentStartsBefore technicianId hasUnusedAppointments",
    ),
    Listing(
        "jpm",
        "/projects",
        "projects",
        "tn.jpm.projects:r",
        IDS
        | TIMES
        | EXTERNAL_DATA
        | {
            "customerId": number("customerId"),
            "locationId": number("locationId"),
            "projectTypeId": number("projectTypeId"),
            "jobId": number("jobIds"),
            "projectManagerIds": ids("projectManagerIds"),
            "businessUnitIds": ids("businessUnitIds"),
            "startsOnOrAfter": since("startDate"),
            "startsBefore": before("startDate"),
            "completedOnOrAfter": since("actualCompletionDate"),
            "completedBefore": before("actualCompletionDate"),
            "targetCompletionDateOnOrAfter": since("targetCompletionDate"),
            "targetCompletionDateBefore": before("targetCompletionDate"),
        },
        sort=f"{BY_TIME} name targetCompletionDate",
        unserved="invoiceId technicianId appointmentId status",
    ),
)

WORK_SINGLES = (
    Single("crm", "/locations/{id:int}", "locations", "tn.crm.locations:r"),
    Single("jpm", "/jobs/{id:int}", "jobs", "tn.jpm.jobs:r", external=True),
    Single("jpm", "/projects/{id:int}", "projects", "tn.jpm.projects:r", external=True),
)
