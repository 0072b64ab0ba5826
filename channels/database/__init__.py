"""Asking the database at a fraction of what Django takes for it.

prepared.py     a statement that PostgreSQL plans once for each connection
reading.py      rows of a model, or values, read by such a statement
personal.py     what every page asks for its visitor, as SQL that is made once a role
quick_rows.py   a model whose rows are read and made by the thousand
"""
