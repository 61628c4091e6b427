"""What S/4HANA says in XML: `$metadata`, and every answer to a client that does not ask for JSON (Atom)."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_s4hana_entities import SETS
from st_erp_pipelines.sandbox.sap_s4hana_model import EDM, Property, Type

EDMX = "http://schemas.microsoft.com/ado/2007/06/edmx"
SERVICES = "http://schemas.microsoft.com/ado/2007/08/dataservices"
SCHEMA = "http://schemas.microsoft.com/ado/2008/09/edm"
SAP = "http://www.sap.com/Protocols/SAPData"
ALLOWED = {"C": "sap:creatable", "U": "sap:updatable", "D": "sap:deletable"}
MULTIPLICITIES = {"many": "*", "one": "0..1", "up": "1"}


def metadata(service: str, types: dict[str, Type]) -> str:
    known = [types[each.name] for each in SETS.values() if each.service == service]
    schema = f"<Schema Namespace={quoteattr(service)} xmlns={quoteattr(SCHEMA)} xml:lang='en' sap:schema-version='1'>"
    inner = "".join([*(_entity_type(service, each) for each in known), *_associations(service, known)])
    container = "".join(_entity_set(service, each) for each in known)
    return (
        f"<?xml version='1.0' encoding='utf-8'?><edmx:Edmx Version='1.0' xmlns:edmx={quoteattr(EDMX)} "
        f"xmlns:m={quoteattr(SERVICES + '/metadata')} xmlns:sap={quoteattr(SAP)}>"
        f"<edmx:DataServices m:DataServiceVersion='2.0'>{schema}{inner}"
        f"<EntityContainer Name='{service}_Entities' m:IsDefaultEntityContainer='true' "
        f"sap:supported-formats='atom json xlsx'>{container}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )


def _entity_type(service: str, known: Type) -> str:
    keys = "".join(f"<PropertyRef Name='{name}'/>" for name in known.key)
    properties = "".join(_property(each, is_key=each.name in known.key) for each in known.properties.values())
    navigations = "".join(
        f"<NavigationProperty Name='{each.name}' Relationship='{service}.{known.name}_{each.name}' "
        f"FromRole='from' ToRole='to'/>"
        for each in known.navigations.values()
    )
    return f"<EntityType Name='{known.name}Type'><Key>{keys}</Key>{properties}{navigations}</EntityType>"


def _property(known: Property, *, is_key: bool) -> str:
    facets = {"Name": known.name, "Type": EDM[known.kind]}
    match known.kind:
        case "string":
            facets["MaxLength"] = str(known.length)
        case "decimal":
            facets |= {"Precision": str(known.length), "Scale": str(known.scale)}
        case "stamp":
            facets["Precision"] = "7"
        case "date" | "time":
            facets["Precision"] = "0"
    if is_key:
        facets["Nullable"] = "false"
    if known.read_only:
        facets |= {"sap:creatable": "false", "sap:updatable": "false"}
    if known.hidden:
        facets |= {"sap:sortable": "false", "sap:filterable": "false"}
    return f"<Property {' '.join(f'{name}={quoteattr(value)}' for name, value in facets.items())}/>"


def _associations(service: str, known: list[Type]) -> list[str]:
    return [
        f"<Association Name='{each.name}_{navigation.name}'>"
        f"<End Type='{service}.{each.name}Type' Multiplicity='1' Role='from'/>"
        f"<End Type='{service}.{navigation.target}Type' Multiplicity='{MULTIPLICITIES[navigation.form]}' Role='to'/>"
        "</Association>"
        for each in known
        for navigation in each.navigations.values()
    ]


def _entity_set(service: str, known: Type) -> str:
    allows = SETS[known.name].allows
    denied = "".join(f" {word}='false'" for letter, word in ALLOWED.items() if letter not in allows)
    return f"<EntitySet Name='{known.name}' EntityType='{service}.{known.name}Type'{denied}/>"


# --- Atom ------------------------------------------------------------------------------------------------


def atom(payload: Row) -> str:
    """The payload of a JSON answer, in the form that services have by default. Of parts only their links."""
    found: Any = payload.get("error") or payload["d"]
    head = "<?xml version='1.0' encoding='utf-8'?>"
    if "error" in payload:
        code, message = escape(found["code"]), escape(found["message"]["value"])
        space = quoteattr(f"{SERVICES}/metadata")
        return f"{head}<error xmlns={space}><code>{code}</code><message xml:lang='en'>{message}</message></error>"
    spaces = (
        f"xmlns='http://www.w3.org/2005/Atom' xmlns:d={quoteattr(SERVICES)} xmlns:m={quoteattr(SERVICES + '/metadata')}"
    )
    if "EntitySets" in found:
        names = "".join(f"<collection href='{name}'/>" for name in found["EntitySets"])
        return f"{head}<service xmlns='http://www.w3.org/2007/app'><workspace>{names}</workspace></service>"
    if "results" not in found:
        return head + _entry(found, spaces)
    count = f"<m:count>{found['__count']}</m:count>" if "__count" in found else ""
    following = f"<link rel='next' href={quoteattr(found['__next'])}/>" if "__next" in found else ""
    entries = "".join(_entry(row) for row in found["results"])
    return f"{head}<feed {spaces}>{count}{entries}{following}</feed>"


def _entry(row: Row, spaces: str = "") -> str:
    address = row["__metadata"]["uri"]
    values = "".join(
        f"<d:{name}>{escape('' if value is None else str(value))}</d:{name}>"
        for name, value in row.items()
        if name != "__metadata" and not isinstance(value, dict)
    )
    links = "".join(f"<link href={quoteattr(f'{address}/{name}')}/>" for name in row if name.startswith("to_"))
    return (
        f"<entry {spaces}><id>{escape(address)}</id>{links}"
        f"<content type='application/xml'><m:properties>{values}</m:properties></content></entry>"
    )
