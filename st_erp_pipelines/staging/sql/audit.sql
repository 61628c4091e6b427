-- The audit trail as analysts see it, from the columns of the outbox's tables (all text here, under `read`).
-- What was sent stays in the outbox: no payload is published. `st-erp audit KEY` shows it.

-- table: documents
-- One row per document: what a flow posts or would post, the state it is in and why. Payloads stay in the outbox.
select
    id::bigint as document_id,                        -- number of the document in the outbox
    flow,                                             -- customers, invoices, payments or items
    kind,                                             -- what it is, e.g. invoice, credit_memo, payment, item
    business_key,                                     -- the reference written into the ERP, e.g. ST-A-INV-12345
    label,                                            -- what people call it, e.g. the invoice number
    source_key,                                       -- source system, tenant or company, kind and id of its source
    part::integer as part,                            -- of one source: 0 is the whole, a payment has one per invoice
    revision::integer as revision,                    -- 0, or the how manieth re-post after a reversal
    state,                                            -- see audit.states
    state_since::timestamptz as state_since,          -- when it came into this state, UTC
    sentence,                                         -- why it is in this state, for people
    from_json(reasons, '[{"code": "VARCHAR", "text": "VARCHAR"}]') as reasons, -- why it is blocked: codes and texts
    cause,                                            -- of a refusal: what kind, e.g. closed_period
    flag,                                             -- what its source says since it was posted; empty where nothing changed
    export_mark,                                      -- marked: as exported in ServiceTitan; else why not yet, or empty
    business_date::date as business_date,             -- date of the invoice or payment
    home_day::date as home_day,                       -- the day partition it belongs to
    amount::decimal(18, 2) as amount,                 -- total in its currency; 0 for customers and items
    currency,                                         -- ISO code
    party,                                            -- number of the customer in the ERP
    remote_id,                                        -- id in the ERP, once known
    remote_number,                                    -- number in the ERP, once known
    place,                                            -- where it goes to: the ERP company, or of items the tenant
    source_hash,                                      -- over the business fields of its source, as it was built last or posted
    payload_hash,                                     -- over what would be sent
    adopt_only::boolean as is_adopt_only,             -- exported by other software: found or left alone, never sent
    voided::boolean as is_voided,                     -- voided at its source while it may stand in the ERP
    replayed::boolean as is_replayed,                 -- a person asked for it, whatever the rules leave out
    next_try_at::timestamptz as next_try_at,          -- due again from then, UTC
    settle_at::timestamptz as settle_at,              -- a doubt may be settled from then, UTC
    doubted_at::timestamptz as doubted_at,            -- when its last intent was committed, UTC
    attempt_count::integer as attempt_count,          -- how often it was tried
    version::bigint as version                        -- goes up with each change of its state or content
from read

-- table: attempts
-- One row per try to write to the ERP, with what came of it; appended before the request goes out.
select
    id::bigint as attempt_id,                         -- number of the attempt in the outbox
    document_id::bigint as document_id,               -- see audit.documents
    move,                                             -- what was asked of the ERP: enter, post, ...
    intended_at::timestamptz as intended_at,          -- when the intent was committed, before it was sent, UTC
    closed_at::timestamptz as closed_at,              -- when its outcome was known, UTC
    outcome,                                          -- what came of it; null while nobody knows
    text,                                             -- the outcome for people
    status::integer as status,                        -- HTTP status of the reply
    code,                                             -- the ERP's own code of a refusal
    remote_id,                                        -- id in the ERP that the reply gave
    remote_number,                                    -- number in the ERP that the reply gave
    correlation_id,                                   -- what the ERP's support asks for
    late_outcome,                                     -- a reply that came after the attempt was settled
    late_remote_id,                                   -- the id in that reply
    business_date::date as business_date,             -- date that was sent
    amount::decimal(18, 2) as amount,                 -- total that was sent
    currency,                                         -- currency that was sent
    party,                                            -- customer number that was sent
    source_hash,                                      -- of the source as it was sent
    payload_hash,                                     -- over what was sent
    owner,                                            -- who sent it: each run of a flow is another
    epoch::bigint as epoch                            -- of the fence it was sent under: one writer per company at a time
from read

-- table: events
-- One row per thing that happened to a document; never changed.
select
    id::bigint as event_id,                           -- number of the event in the outbox
    document_id::bigint as document_id,               -- see audit.documents
    "at"::timestamptz as occurred_at,                 -- when, UTC
    state,                                            -- the state it was in after it
    text                                              -- what happened, for people
from read

-- table: links
-- One row per ServiceTitan record that has its counterpart in the ERP.
select
    source_key,                                       -- source system, tenant, kind and id of the record
    kind,                                             -- customer, ...
    erp_number,                                       -- number of its counterpart
    remote_id,                                        -- id of its counterpart
    linked_by,                                        -- how: table (customers.csv), match or post
    source_hash,                                      -- of the record when it was linked
    place                                             -- the ERP company: kind, URL, company
from read

-- table: states
-- What each state of a document means.
select
    state,                                            -- as in audit.documents
    meaning,                                          -- in a sentence
    is_exception,                                     -- a person is needed
    is_final                                          -- nothing more is to be done, unless its source changes
from (values
    ('blocked', 'It cannot be posted as it is: reasons say why. It is built anew in each sync, and goes by itself.', true, false),
    ('ready', 'Due: it goes with the next sync, where its flow posts.', false, false),
    ('sending', 'Its intent is committed and nothing more is known yet.', false, false),
    ('in_doubt', 'Nobody knows yet whether it stands in the ERP: looked up from settle_at on, never just sent again.', false, false),
    ('unavailable', 'Proven not sent, or refused for now: tried again from next_try_at on.', false, false),
    ('rejected', 'The ERP said no: sentence and cause say why. Tried again when it changes, or daily for some causes.', true, false),
    ('conflict', 'Found in the ERP, but different, cancelled or twice: a person must decide.', true, false),
    ('entered', 'Left unposted in the ERP on purpose (mode draft).', false, false),
    ('posted', 'Stands in the ERP, sent by us.', false, true),
    ('adopted', 'Stood in the ERP already, equal.', false, true),
    ('skipped', 'Nothing to post by rule, such as a zero total or a refund, or removed in the ERP by somebody.', false, true),
    ('withdrawn', 'Voided at its source before it was posted.', false, true),
    ('out_of_scope', 'From before go-live, or exported by other software.', false, true)
) as states(state, meaning, is_exception, is_final)

-- table: publication
-- One row: when this file was made, and what the next publication compares.
select
    published_at::timestamptz as published_at,        -- UTC; every later change is missing here
    declared_as,                                      -- hash of how the tables of this schema are declared
    staging_state                                     -- hash of what staging held
from read
