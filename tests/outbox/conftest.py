from tests.posting.conftest import clock, enter, ledger, outbox, run

__all__ = ["clock", "enter", "ledger", "outbox", "run"]
