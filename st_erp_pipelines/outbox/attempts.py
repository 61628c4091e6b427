"""What each send asks of attempts, as statements made once: to make one takes longer than to execute it."""

from __future__ import annotations

import sqlalchemy as sa

from st_erp_pipelines.outbox.schema import attempts, documents

_OF_DOCUMENT = attempts.c.document_id == sa.bindparam("of_document")
_IS_OPEN = attempts.c.outcome.is_(None)

ATTEMPTS_OF = (
    sa.select(attempts)
    .where(attempts.c.document_id.in_(sa.bindparam("of_documents", expanding=True)))
    .order_by(attempts.c.id)
)
LOCK_DOCUMENT = sa.select(documents.c.id).where(documents.c.id == sa.bindparam("of_document")).with_for_update()
NEW_ATTEMPT = attempts.insert()
FORGET_LATE_REPLIES = attempts.update().where(_OF_DOCUMENT).values(late_remote_id=None)
LATE_REPLIES = sa.select(attempts.c.late_remote_id).where(
    _OF_DOCUMENT, attempts.c.late_remote_id != sa.bindparam("but_for")
)
CLOSE_IF_OPEN = attempts.update().where(attempts.c.id == sa.bindparam("of_attempt"), _IS_OPEN)
CLOSE_ALL = attempts.update().where(_OF_DOCUMENT, _IS_OPEN)
