from __future__ import annotations

from conversations.lists.markup import Html, as_html


def test_texts_are_escaped_and_ours_is_not() -> None:
    bold = Html("<b>{}</b>", ("<i>'\"&",)) + Html(" {}", ("{} {0}",))
    assert as_html([bold, Html("<br>")]) == (
        "<b>&lt;i&gt;&#x27;&quot;&amp;</b> {} {0}<br>"
    )
    assert as_html([]) == ""
    assert as_html([Html("<br>")]) == "<br>"


def test_no_letter_of_a_text_moves_another() -> None:
    texts = ("\0", "a\0<", "")
    assert as_html([Html("{}|{}|{}", texts)]) == "\0|a\0&lt;|"
