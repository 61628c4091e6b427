"""Processes that are killed, stopped, slowed down and raced while they post; the ERP, in a process of its own, counts.

orders.py       what a process is told: where to post, and at which point of the protocol to die or to stop
process.py      the process
points.py       the points, and how it gets there
erps.py         against what: a module for each ERP, and ServiceTitan as the end of purchasing; all else names none
server.py       the ERPs, with a fresh company for each test
world.py        one test: a company, an outbox, the processes of it
afterwards.py   what must hold whenever all is over
kills.py, stops.py, races.py, clocks.py, proofs.py, payments.py, parties.py     the scenarios
table.py        scenarios down, breakages across, by ERP; `python -m tests.crashes.table` prints it
"""
