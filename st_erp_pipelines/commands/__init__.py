"""What the commands of `st-erp` do; `cli.py` says how they are called."""
