"""The ERPs that each scenario is played against: a module each, with the same names in it.

In purchasing, what they call invoices and payments are orders and what follows them.

MOVES                 of the protocol, in their order; with drafts there are two
HAS                   what some scenarios need: drafts; payments that wait for a person; parties, as vendors are
PARTY                 whose documents these are
TARGETS, REQUESTS     what points.py watches: targets, and the client's methods that work on a draft
INVOICE_LISTS         where a look-up asks for invoices
FILTERS               and what a server that is deaf does not hear of that
POSTED                by flow, the list that tells what is posted
app                   the sandbox's, of a fresh company
client_of, target_of, path_of     for an order; the path that a move writes to ends so
invoice, payment      a payload; the documents that a payment is there, with the `amounts` of the invoices that it pays
party                 one of them as a document, where it has some
person_...            what people do there
posted, amiss         what the server's own state says: by key, id, number and total of each; what else is wrong there
names                 whether a path is that of a document
"""

from __future__ import annotations

from types import ModuleType

from tests.crashes import business_central, sap_business_one, sap_s4hana, servicetitan

ERPS: dict[str, ModuleType] = {
    "business_central": business_central,
    "sap_business_one": sap_business_one,
    "sap_s4hana": sap_s4hana,
    "servicetitan": servicetitan,
}
