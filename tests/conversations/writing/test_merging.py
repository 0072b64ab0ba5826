from __future__ import annotations

import pytest

from conversations.writing.merging import (
    MergeError,
    broken_fields,
    filled,
    problems,
    read_people,
    readable_people,
    told_differently,
)

TABLE = "First name\tLast name\tE-Mail\tCompany\n"


def test_lines_of_names_and_addresses_are_people() -> None:
    people = read_people("Anna Berg <anna@x.test>\r\n\r\nbert@x.test,\n")
    assert [each.address.shown for each in people] == ["anna@x.test", "bert@x.test"]
    assert people[0].fields["first_name"] == "Anna"
    assert people[0].fields["last_name"] == "Berg"
    assert people[1].fields["first_name"] == ""


@pytest.mark.parametrize("divider", ["\t", ";", ","])
def test_rows_copied_from_a_spreadsheet_are_people(divider: str) -> None:
    rows = TABLE + 'Anna\tBerg\tanna@x.test\t"Berg, Söhne"\n\nBert\t\tbert@x.test\t\n'
    people = read_people(rows.replace("\t", divider))
    assert [each.address.name for each in people] == ["Anna Berg", "Bert"]
    assert people[0].fields["company"] == "Berg, Söhne"


def test_a_table_may_call_its_columns_anything() -> None:
    (one,) = read_people("address;self;columns;\nanna@x.test;a;b;c")
    assert (one.fields["email"], one.fields["self"]) == ("anna@x.test", "a")


def test_somebody_named_twice_is_one_person() -> None:
    assert len(read_people("anna@x.test\nANNA@X.TEST")) == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{{company}}", "anna@x.test"),
        ("{{First name}}, {{email}}", ""),  # what is asked for is the same
        ("Hello", ""),
    ],
)
def test_whoever_is_named_twice_with_other_words_is_told_apart(
    text: str, named: str
) -> None:
    rows = "Anna\tBerg\tanna@x.test\tAcme\nAnna\tBerg\tANNA@x.test\tOther\n"
    rows += "Bert\t\tbert@x.test\tAcme\nBert\t\tbert@x.test\tAcme"
    assert told_differently(TABLE + rows, text).lower() == named


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anna@x.test\nbert", "Line 2 of the list: .*has no domain"),
        ('anna@x.test\n"b@c"@x.test', "Line 2 of the list: .*has “@” in the quotes"),
        (TABLE + "Anna\tBerg\t\tAcme", "Line 2 of the list"),
        (
            TABLE + f"{'A' * 100}\t{'B' * 100}\ta@x.test\t",
            "Line 2 of .* 201 characters",
        ),
        (f"name,email\n{'A' * 201},a@x.test", "Line 2 of .* 201 characters"),
        (TABLE, "nobody on this list"),
        ("\n", "nobody on this list"),
    ],
)
def test_what_is_no_list_is_refused_by_its_line(text: str, words: str) -> None:
    with pytest.raises(MergeError, match=words):
        read_people(text)


def test_all_lines_that_are_wrong_are_named() -> None:
    with pytest.raises(MergeError) as caught:
        read_people("anna\nbert@x.test\ncarl")
    first, second = caught.value.args
    assert first.startswith("Line 1 of the list: “anna”")
    assert second.startswith("Line 3 of the list: “carl”")


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("anna@x.test\nber\ncarl@", ["anna@x.test"]),
        (TABLE + "Anna\tBerg\tanna@x.test\tAcme\nBert\t\tbert@", ["anna@x.test"]),
        (f'email;x\nanna@x.test;A\nbert@x.test;"{"x" * 200_000}', ["anna@x.test"]),
        (TABLE, []),
        ("", []),
    ],
)
def test_of_a_list_that_is_being_written_what_can_be_read_is_read(
    text: str, readable: list[str]
) -> None:
    assert [each.address.shown for each in readable_people(text)] == readable


def test_fields_are_filled_in_however_they_are_spelt() -> None:
    (one,) = read_people(TABLE + "Anna\tBerg\tanna@x.test\tAcme")
    text = "Dear {{first_name}} of {{ Company }}, {{First name}} {{nothing}}"
    assert filled(text, one) == "Dear Anna of Acme, Anna {{nothing}}"


def test_a_value_cannot_bring_markup_into_formatted_text() -> None:
    (one,) = read_people("email;company\nanna@x.test;<b>A&B</b>")
    assert filled("<p>{{company}}</p>", one, html=True) == (
        "<p>&lt;b&gt;A&amp;B&lt;/b&gt;</p>"
    )


def test_a_field_across_quotes_or_tags_of_formatted_text_is_none() -> None:
    (one,) = read_people("email;a b\nanna@x.test;v")
    hostile = '<img alt="{{a">b}} <img alt=" onerror=alert(1) src=x ">'
    assert filled(hostile, one, html=True) == hostile
    assert filled("<p>{{a<b>b</b>}}</p>", one, html=True) == "<p>{{a<b>b</b>}}</p>"
    assert filled('<a title="{{a b}}">', one, html=True) == '<a title="v">'


def test_an_unknown_field_and_a_missing_value_are_named() -> None:
    people = read_people("Anna Berg <anna@x.test>\nbert@x.test")
    unknown, missing = problems(people, "{{compny}} {{first_name}}")
    assert "Nobody has a “compny”" in unknown
    assert "{{first_name}}" in unknown
    assert missing == (
        "No “first_name” is known of bert@x.test. Write the name before the address, as "
        "in “First Last <bert@x.test>”, or into its column of the list, or take "
        "{{first_name}} out of subject and text."
    )


def test_of_a_column_without_a_value_it_is_said_where_to_fill_it_in() -> None:
    people = read_people("email;town\nanna@x.test;")
    (missing,) = problems(people, "{{Town}}")
    assert missing == (
        "No “Town” is known of anna@x.test. Fill it in on the list of people, or take "
        "{{Town}} out of subject and text."
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Dear {{ oops }", "{{ oops }"),
        ("{{first_name}} {{ name\nand more }}", "{{ name"),
        ("{{a{b}} {{name}}", "{{a{b}}"),
    ],
)
def test_what_was_meant_for_a_field_is_named(text: str, meant: str) -> None:
    (problem,) = problems(read_people("Anna Berg <anna@x.test>"), text)
    assert problem.startswith(f"“{meant}")
    assert "is no field: one is written as in {{first_name}}." in problem


def test_of_many_without_a_value_five_are_named() -> None:
    people = read_people("\n".join(f"p{n}@x.test" for n in range(8)))
    (problem,) = problems(people, "{{name}}")
    assert "p4@x.test and 3 more" in problem


def test_a_text_without_fields_has_no_problems() -> None:
    assert problems(read_people("anna@x.test"), "{one} {{}} { {two} }") == []


def test_a_field_formatted_in_its_middle_is_found() -> None:
    html = "<p>{{first_<b>name</b>}} {{email}}</p>"
    assert broken_fields("{{first_name}} {{email}}", html) == ["first_name"]
