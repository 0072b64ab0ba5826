"""What the tabs show, quickly however many rows there are: from an address to a page.

folders.py          the tabs and their lists, as a table
filtering.py        the filters of a list: read from the address and kept in it
waiting.py          the filter of Pending by what mail waits for, as a table
orders.py           the orders a list may be in, as a table
looking.py          list, filters, order and place together, as an address
browsing.py         the deliveries that such an address leads to
browsing_drafts.py  the drafts that such an address leads to
counting.py         how many rows there are, up to a cap
paging.py           one page, found by the row it begins at (microseconds.py: its
                    moment, as a number in an address)
filter_index.py     the PostgreSQL index for the filters of failures
columns.py          which columns a user wants
rows.py             a page's rows as HTML (draft_rows.py: drafts; markup.py: escaping)
searches.py         a list with its filters, kept under a name
exporting.py        a list as a CSV file
"""
