"""The price book: services, materials, equipment and categories."""

from __future__ import annotations

from st_erp_pipelines.sandbox.servicetitan_filters import ACTIVE, IDS, ONLY_ACTIVE, TIMES
from st_erp_pipelines.sandbox.servicetitan_query import (
    EXTERNAL_DATA,
    Listing,
    Single,
    choice,
    flag,
    ids,
    search,
)

_COMMON = IDS | ACTIVE | TIMES | EXTERNAL_DATA | {"searchText": search("displayName", "code", "description")}
_SORT = (
    "id code displayName createdOn modifiedOn price memberPrice addOnPrice addOnMemberPrice materialsCost "
    "primaryVendor cost manufacturer priority"
)

PRICEBOOK = (
    Listing(
        "pricebook",
        "/services",
        "services",
        "tn.pb.services:r",
        _COMMON,
        sort=_SORT,
        sorts=False,
        defaults=ONLY_ACTIVE,
        unserved="calculatePrices",
    ),
    Listing(
        "pricebook",
        "/materials",
        "materials",
        "tn.pb.materials:r",
        _COMMON | {"isOtherDirectCost": flag("isOtherDirectCost"), "costTypeIds": ids("costTypeId")},
        sort=_SORT,
        sorts=False,
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "pricebook",
        "/equipment",
        "equipment",
        "tn.pb.equipment:r",
        _COMMON,
        sort=_SORT,
        sorts=False,
        defaults=ONLY_ACTIVE,
    ),
    Listing(
        "pricebook",
        "/categories",
        "categories",
        "tn.pb.categories:r",
        ACTIVE | TIMES | {"categoryType": choice("categoryType", "Services Materials")},
        sort="id name",
        defaults=ONLY_ACTIVE,
    ),
)

PRICEBOOK_SINGLES = (
    Single("pricebook", "/services/{id:int}", "services", "tn.pb.services:r", external=True),
    Single("pricebook", "/materials/{id:int}", "materials", "tn.pb.materials:r", external=True),
    Single("pricebook", "/equipment/{id:int}", "equipment", "tn.pb.equipment:r", external=True),
    Single("pricebook", "/categories/{id:int}", "categories", "tn.pb.categories:r"),
)
