"""What stands between a site and its first posted document, found out by reading alone.

`findings.py` says what a check is, `site.py` and `connection.py` put them together. Each system has a module of its
own: a class with `title`, a `gate` (what has to be well before anything else can be asked) and `checks`.
"""
