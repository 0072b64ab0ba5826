"""What the tabs show, however many rows there are: from an address to a page.

folders.py          the tabs and their lists, as a table
filtering.py        what narrows a list: read from the address and kept in it
waiting.py          what Pending can be narrowed by, as a table
orders.py           the orders a list may be in, as a table
looking.py          all of these together, as the address of a view
browsing.py         the deliveries that such an address leads to
browsing_drafts.py  the drafts that it leads to
counting.py         how many there are, up to a cap
paging.py           one page, found by where it begins
filter_index.py     the index that finds what failures are narrowed to
columns.py          which columns a person wants
rows.py             a page's rows as HTML (draft_rows.py: of drafts; markup.py: how)
searches.py         a list with its filters, kept under a name
exporting.py        a list as a CSV file
"""
