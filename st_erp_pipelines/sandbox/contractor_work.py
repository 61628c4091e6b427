"""The locations, jobs and projects of the invoices that were made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from st_erp_pipelines.sandbox.contractor_lists import NO_DEFAULT_ACCOUNT
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, midnight, wire_date

MERGED_LOCATIONS = 5
PROJECT_UNIT = NO_DEFAULT_ACCOUNT.id  # commercial projects


def locations(office: Office, invoices: Sequence[Wire]) -> list[Wire]:
    """One for each that an invoice names, and some that were merged into one of them."""
    made = [_location(office, found) for found in invoices if found["location"]]
    for target in office.rng.sample(made, min(MERGED_LOCATIONS, len(made))):
        double = target | {"id": target["id"] - 1_000_000, "active": False, "mergedToId": target["id"]}
        made.append(double)
    return made


def _location(office: Office, found: Wire) -> Wire:
    address = found["locationAddress"] | {"latitude": None, "longitude": None}
    return {
        "id": found["location"]["id"],
        "customerId": found["customer"]["id"],
        "active": True,
        "name": found["location"]["name"],
        "address": address,
        "customFields": [],
        "createdOn": found["createdOn"],
        "createdById": 900_001,
        "modifiedOn": found["createdOn"],
        "mergedToId": None,
        "zoneId": office.rng.choice([None, 17]),
        "taxExempt": False,
        "tagTypeIds": [],
        "externalData": [],
        "taxZoneId": office.rng.choice([None, found["taxZoneId"]]),
    }


def jobs(office: Office, invoices: Sequence[Wire], people: Sequence[Wire], places: Sequence[Wire]) -> list[Wire]:
    """One for each that an invoice names; where the invoice lost its customer, the job has one."""
    made = []
    for found in invoices:
        if found["job"]:
            customer = found["customer"] or office.rng.choice(people)
            location = found["location"] or office.rng.choice(places)
            made.append(_job(office, found, customer["id"], location["id"]))
    return made


def _job(office: Office, found: Wire, customer: int, location: int) -> Wire:
    appointment = office.next_id("appointment")
    done = found["syncStatus"] != "Pending"
    return {
        "id": found["job"]["id"],
        "jobNumber": found["job"]["number"],
        "projectId": None,
        "customerId": customer,
        "locationId": location,
        "jobStatus": "Completed" if done else office.rng.choice(["InProgress", "Hold"]),
        "completedOn": found["createdOn"] if done else None,
        "businessUnitId": found["businessUnit"]["id"],
        "jobTypeId": 700 + found["businessUnit"]["id"] % 10,
        "priority": office.rng.choice(["Low", "Normal", "Normal", "High", "Urgent"]),
        "campaignId": 2001,
        "appointmentCount": 1,
        "firstAppointmentId": appointment,
        "lastAppointmentId": appointment,
        "recallForId": None,
        "warrantyId": None,
        "jobGeneratedLeadSource": None,
        "noCharge": found["total"] == "0.00",
        "notificationsEnabled": True,
        "createdOn": found["createdOn"],
        "createdById": 900_001,
        "modifiedOn": found["createdOn"],
        "tagTypeIds": [],
        "leadCallId": None,
        "partnerLeadCallId": None,
        "bookingId": None,
        "soldById": office.rng.choice([None, 900_002]),
        "customerPo": office.rng.choice(["", "", f"PO {office.rng.randint(100, 999)}"]),
        "invoiceId": found["id"],
        "membershipId": None,
        "total": None if found["items"] is None else float(found["total"]),
        "createdFromEstimateId": None,
        "estimateIds": [],
        "equipmentIds": [],
        "isAutoDispatched": office.rng.choice([None, False]),
        "summary": found["summary"],
        "customFields": [],
        "externalData": [],
        "summaryOfWork": None,
    }


def projects(office: Office, work: Sequence[Wire]) -> list[Wire]:
    """The commercial jobs of one customer are a project; its jobs get its id."""
    by_customer: dict[int, list[Wire]] = {}
    for job in work:
        if job["businessUnitId"] == PROJECT_UNIT:
            by_customer.setdefault(job["customerId"], []).append(job)
    made = [_project(office, own) for own in by_customer.values()]
    for project, own in zip(made, by_customer.values(), strict=True):
        for job in own:
            job["projectId"] = project["id"]
    return made


def _project(office: Office, work: Sequence[Wire]) -> Wire:
    project_id = office.next_id("project")
    started = wire_date(min(job["createdOn"] for job in work))
    closed = office.chance(0.5)
    created = min(job["createdOn"] for job in work)
    name = office.rng.choice([None, "Lakeview retrofit", "Sanierung Grüne Linde", "配管工事", "Школа №203"])
    return {
        "id": project_id,
        "number": str(project_id),
        "name": name,
        "summary": None,
        "status": "Completed" if closed else office.rng.choice([None, "In Progress"]),
        "statusId": None,
        "subStatus": None,
        "subStatusId": None,
        "customerId": work[0]["customerId"],
        "locationId": work[0]["locationId"],
        "projectTypeId": None,
        "projectManagerIds": [],
        "businessUnitIds": [PROJECT_UNIT],
        "startDate": midnight(started),
        "targetCompletionDate": office.rng.choice([None, midnight(started + timedelta(days=60))]),
        "actualCompletionDate": midnight(started + timedelta(days=30)) if closed else None,
        "modifiedOn": max(job["createdOn"] for job in work),
        "createdOn": created,
        "customFields": [],
        "externalData": [],
        "jobIds": [job["id"] for job in work],
    }
