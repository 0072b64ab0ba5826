from __future__ import annotations

import pytest

from conversations.writing.rich_text import as_html, as_text, lost_links, sanitised


@pytest.mark.parametrize(
    ("html", "harmless"),
    [
        ("<p>Hi<script>alert(1)</script></p>", "<p>Hi</p>"),
        ('<p onclick="x()" style="color:red">Hi</p>', "<p>Hi</p>"),
        ('<a href="javascript:x()">Hi</a>', '<a rel="noopener noreferrer">Hi</a>'),
        ('<img src="data:text/html,x" alt="y">', '<img alt="y">'),
        ('<iframe src="https://x.test"></iframe>Hi', "Hi"),
        ("<p>\0Hi</p>", "<p>Hi</p>"),
        ("<p></p>", ""),
        ("<p> &nbsp; </p>", ""),
    ],
)
def test_what_could_act_is_taken_out(html: str, harmless: str) -> None:
    assert sanitised(html) == harmless


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        ("www.customer.test", "https://www.customer.test"),
        (" customer.test/offer?a=b#c ", "https://customer.test/offer?a=b#c"),
        ("bücher.test/ä", "https://bücher.test/ä"),
        ("anna@customer.test", "mailto:anna@customer.test"),
        (" https://customer.test ", "https://customer.test"),
        ("tel:+4930123", "tel:+4930123"),
    ],
)
def test_a_link_leads_where_its_writer_meant(typed: str, leads_to: str) -> None:
    assert f'href="{leads_to}"' in sanitised(f'<a href="{typed}">x</a>')


@pytest.mark.parametrize(
    "typed",
    [
        *("", "#top", "/offer", "../offer", "//evil.test/x", "offer", "3.5", "a@b"),
        *(
            "data:text/html,x",
            "JavaScript:x()",
            "java&#10;script:x()",
            "&#1;javascript:x",
        ),
        *("javascript&amp;colon;x()", "a@javascript:x.test", "customer.test:80/x"),
    ],
)
def test_what_leads_nowhere_or_could_act_is_no_link(typed: str) -> None:
    harmless = '<a rel="noopener noreferrer">x</a>'
    assert sanitised(f'<a href="{typed}">x</a>') == harmless
    assert sanitised(f'<p>x<img src="{typed}"></p>') == "<p>x<img></p>"


def test_the_links_that_are_lost_are_known_as_they_were_typed() -> None:
    lost, kept = (
        '<a href=" ftp://x.test/a&amp;b ">x</a>',
        '<a href="https://x.test">x</a>',
    )
    assert lost_links(f'<p>{lost}{kept}<a>y</a><a href="">z</a></p>') == [
        "ftp://x.test/a&b"
    ]


def test_a_picture_without_a_scheme_is_not_fetched_from_anywhere() -> None:
    assert sanitised('<p>x<img src="customer.test/a.png"></p>') == "<p>x<img></p>"


def test_formats_links_and_pictures_stay() -> None:
    html = '<p><strong>Hi</strong> <img src="https://x.test/a.png" alt="A"></p>'
    assert sanitised(html) == html
    assert 'href="https://x.test"' in sanitised('<a href="https://x.test">x</a>')


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello</p><p>Anna</p>", "Hello\n\nAnna"),
        ("<p>one<br>two</p>", "one\ntwo"),
        ("<p>a &amp; b &lt; c&nbsp;d</p>", "a & b < c d"),
        ("<ul><li><p>a</p></li><li><p>b</p></li></ul>", "- a\n- b"),
        (f'<ol start="{"9" * 5_000}"><li>a</li></ol>', "999999999. a"),
        ('<ol start="3"><li>a</li><li>b</li></ol>', "3. a\n4. b"),
        (
            "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li></ul><p>c</p>",
            "- a\n  - b\n\nc",
        ),
        ("<p>see</p><blockquote><p>x</p><p>y</p></blockquote>", "see\n\n> x\n>\n> y"),
        ('<a href="https://x.test/a">here</a>', "here <https://x.test/a>"),
        ('<a href="https://x.test/">https://x.test</a>', "https://x.test"),
        ('<a href="mailto:a@x.test">a@x.test</a>', "a@x.test"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<p>a\n   b</p>", "a b"),
        ("<p>a</p><hr><p>b</p>", "a\n\n----\n\nb"),
        ('<img src="https://x.test/a.png" alt="Logo">', "[Logo]"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a\tb"),
    ],
)
def test_the_plain_text_reads_as_a_person_would_have_typed_it(
    html: str, text: str
) -> None:
    assert as_text(html) == text


def test_typed_text_becomes_paragraphs_and_comes_back() -> None:
    text = "Hello <Anna>,\nhow are you?\n\n1 & 2"
    assert as_html(text) == "<p>Hello &lt;Anna&gt;,<br>how are you?</p><p>1 &amp; 2</p>"
    assert as_text(as_html(text)) == text
