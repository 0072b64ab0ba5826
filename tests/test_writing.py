"""Writing as a salesperson does it, in a real browser; and that it leaves in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import PATIENCE, Screen, browser
from tests.portal import Portal, wait_until
from tests.visitor import PASSWORD

expect.set_options(timeout=PATIENCE)


@pytest.mark.browser
def test_from_a_draft_kept_by_itself_to_a_mail_with_a_file(tmp_path: Path) -> None:
    with (
        Portal(tmp_path, UNDO_SECONDS="10") as portal,
        browser(portal.url) as screen,
    ):
        sign_up(screen)
        choose_time_zone(screen)
        type_and_leave(screen)
        go_on_with_the_draft(screen)
        schedule(screen)
        cancel(screen)
        send_with_a_file(screen, tmp_path)
        undo(screen)
        send_again(screen)
        see_what_anna_received(screen)
        merge(screen)
        assert screen.complaints == []


def sign_up(screen: Screen) -> None:
    screen.go("/accounts/signup/")
    screen.page.fill("[name=name]", "Alice Acme")
    screen.page.fill("[name=email]", "alice@acme.test")
    screen.page.fill("[name=password1]", PASSWORD)
    screen.page.press("[name=password1]", "Enter")
    screen.page.wait_for_url("**/conversations/sent/")


def choose_time_zone(screen: Screen) -> None:
    screen.go("/settings/profile/")
    screen.page.select_option("[name=time_zone]", "Europe/Berlin")
    screen.save("profile")
    screen.page.get_by_role("button", name="Save").click()
    expect(screen.page.locator("main")).to_contain_text("Your profile is saved")


def type_and_leave(screen: Screen) -> None:
    """Nothing is pressed: what was typed is a draft a few seconds later."""
    screen.go("/conversations/new/")
    screen.page.fill("[name=to]", "Anna Berg <anna@customer.test>")
    screen.page.fill("[name=subject]", "Your offer")
    text = screen.page.get_by_role("textbox", name="Text")
    text.press_sequentially("Dear Anna, it is ")
    expect(screen.page.locator(".prose-menubar")).to_have_text("")
    screen.page.get_by_role("button", name="Bold", exact=True).click()
    text.press_sequentially("ready")
    expect(screen.page.locator("#saved")).to_contain_text("Draft saved at")
    wait_until(lambda: screen.page.locator("#saved [name=version]").input_value() > "0")


def go_on_with_the_draft(screen: Screen) -> None:
    screen.go("/conversations/drafts/")
    screen.save("drafts")
    screen.page.get_by_role("link", name="Your offer").click()
    text = screen.page.get_by_role("textbox", name="Text")
    expect(text.locator("strong")).to_have_text("ready")


def schedule(screen: Screen) -> None:
    screen.page.locator("summary", has_text="Send later").click()
    screen.page.fill("[name=send_at]", "2099-07-01T08:00")
    screen.save("write-later")
    screen.page.get_by_role("button", name="Send", exact=True).click()
    expect(screen.page.locator("#timeline")).to_contain_text(
        "It leaves on 1 Jul 2099, 08:00 (CEST)"
    )
    screen.save("scheduled")


def cancel(screen: Screen) -> None:
    screen.page.get_by_role("button", name="Cancel").click()
    screen.page.wait_for_url("**/conversations/drafts/")
    screen.page.get_by_role("link", name="Your offer").click()


def send_with_a_file(screen: Screen, folder: Path) -> None:
    screen.page.fill("[name=send_at]", "")
    offer = folder / "Angebot.pdf"
    offer.write_bytes(b"%PDF-1.4 offer")
    screen.page.set_input_files("[name=upload]", offer)
    expect(screen.page.locator("#attachments")).to_contain_text("Angebot.pdf")
    huge = folder / "huge.bin"
    huge.write_bytes(bytes(21 * 1024 * 1024))
    screen.page.set_input_files("[name=upload]", huge)
    expect(screen.page.locator("#files")).to_contain_text("They were not added")
    screen.save("write-with-file")
    send = screen.page.get_by_role("button", name="Send", exact=True)
    send.click()
    expect(screen.page.locator("#files")).to_contain_text("nothing was sent yet")
    expect(screen.page.locator("#attachments")).to_contain_text("Angebot.pdf")
    send.click()


def undo(screen: Screen) -> None:
    expect(screen.page.locator("#timeline")).to_contain_text("It has not left yet")
    screen.save("undo")
    screen.page.get_by_role("button", name="Undo").click()
    expect(screen.page.locator("main")).to_contain_text("It was taken back")
    expect(screen.page.locator("#attachments")).to_contain_text("Angebot.pdf")


def send_again(screen: Screen) -> None:
    screen.page.get_by_role("button", name="Send", exact=True).click()
    timeline = screen.page.locator("#timeline")
    expect(timeline.get_by_text("Delivered", exact=True)).to_be_visible()
    written = screen.page.frame_locator("iframe.mail").locator("body")
    expect(written.locator("strong")).to_have_text("ready")
    with screen.page.expect_download() as download:
        screen.page.get_by_role("link", name="Angebot.pdf").click()
    assert download.value.suggested_filename == "Angebot.pdf"
    screen.save("message-with-file")


def see_what_anna_received(screen: Screen) -> None:
    screen.go("/practice/")
    screen.page.get_by_role("link", name="Your offer").click()
    expect(screen.page.locator(".files")).to_contain_text("Angebot.pdf")
    framed = screen.page.frame_locator("iframe.mail").locator("body")
    expect(framed.locator("strong")).to_have_text("ready")
    screen.save("received-formatted")


def merge(screen: Screen) -> None:
    screen.go("/conversations/new/")
    screen.page.locator("summary", has_text="A list of people").click()
    screen.page.fill(
        "[name=people]", "email;name\nanna@customer.test;Anna\nbert@customer.test;Bert"
    )
    text = screen.page.get_by_role("textbox", name="Text")
    text.fill("Dear {{first_name}} of {{town}}")
    preview = screen.page.get_by_role("button", name="Preview for each person")
    preview.click()
    expect(screen.page.get_by_role("alert").first).to_contain_text(
        "Nobody has a “town”"
    )
    drafts = screen.another_tab()  # the form that came back is still one draft
    drafts.go("/conversations/drafts/")
    expect(drafts.page.get_by_text("Dear {{first_name}} of {{town}}")).to_have_count(1)
    drafts.page.close()
    text.fill("Dear {{first_name}}")
    preview.click()
    read = screen.page.frame_locator("#preview iframe").locator("body")
    expect(read).to_contain_text("Dear Anna")
    screen.page.get_by_role("button", name="Next person").click()
    expect(read).to_contain_text("Dear Bert")
    screen.save("preview")
    screen.page.get_by_role("button", name="Send", exact=True).click()
    expect(screen.page.locator("main")).to_contain_text("2 messages wait")
    screen.save("undo-many")
    screen.page.get_by_role("button", name="Undo").click()
    expect(screen.page.locator("main")).to_contain_text("It was taken back")


@pytest.mark.browser
def test_whoever_goes_back_finds_what_was_written_and_sends_it_once(
    tmp_path: Path,
) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        page = screen.page
        text = page.get_by_role("textbox", name="Text")

        screen.go("/conversations/new/?to=anna@customer.test")
        text.press_sequentially("It is ")
        page.get_by_role("button", name="Bold", exact=True).click()
        text.press_sequentially("ready")
        page.get_by_role("button", name="Send", exact=True).click()
        page.wait_for_url("**/conversations/messages/**")
        message = page.url
        page.go_back()
        expect(text.locator("strong")).to_have_text("ready")
        page.get_by_role("button", name="Send", exact=True).click()
        page.wait_for_url(message)
        assert portal.count() == 1

        screen.go("/conversations/new/?to=bert@customer.test")
        offer = tmp_path / "Angebot.pdf"
        offer.write_bytes(b"%PDF-1.4 offer")
        page.set_input_files("[name=upload]", offer)
        expect(page.locator("#attachments")).to_contain_text("Angebot.pdf")
        screen.go("/settings/channel/")
        page.go_back()
        expect(page.locator("#attachments")).to_contain_text("Angebot.pdf")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_role("alert").first).to_contain_text("there is a file")
        assert screen.complaints == []


@pytest.mark.browser
def test_reloading_right_after_typing_loses_no_word(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        page = screen.page
        text = page.get_by_role("textbox", name="Text")
        saved = page.locator("#saved")

        screen.go("/conversations/new/")
        page.fill("[name=subject]", "Your offer")
        text.press_sequentially("It is")
        page.reload()
        expect(text).to_have_text("It is")
        expect(page.locator("[name=subject]")).to_have_value("Your offer")
        expect(saved).to_contain_text("Draft saved at")

        page.wait_for_url("**/conversations/drafts/**")
        text.press("End")
        text.press_sequentially(" ready")
        page.locator("summary", has_text="Cc and Bcc").click()
        page.fill("[name=cc]", "bert@customer.test")
        page.reload()
        expect(text).to_have_text("It is ready")
        expect(page.locator("[name=cc]")).to_have_value("bert@customer.test")
        expect(page.locator("[name=cc]")).to_be_visible()
        expect(saved).to_contain_text("Draft saved at")

        page.reload()
        expect(text).to_have_text("It is ready")
        drafts = portal.rows("SELECT body, cc FROM conversations_draft")
        assert drafts == [("It is ready", "bert@customer.test")]
        assert screen.complaints == []


@pytest.mark.browser
def test_words_typed_after_the_session_has_ended_are_there_after_signing_in(
    tmp_path: Path,
) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        page = screen.page
        text = page.get_by_role("textbox", name="Text")

        screen.go("/conversations/new/")
        expect(text).to_be_visible()
        page.context.clear_cookies(name="sessionid")
        page.fill("[name=subject]", "Your offer")
        text.press_sequentially("It is <b>ready")
        page.wait_for_url("**/accounts/login/**")
        page.fill("[name=login]", "alice@acme.test")
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        expect(text).to_have_text("It is <b>ready")
        expect(page.locator("[name=subject]")).to_have_value("Your offer")
        expect(page.locator("#saved")).to_contain_text("Draft saved at")

        screen.go("/conversations/new/")
        expect(text).to_have_text("")
        drafts = portal.rows("SELECT subject, body FROM conversations_draft")
        assert drafts == [("Your offer", "It is <b>ready")]


@pytest.mark.browser
def test_a_draft_that_is_not_saved_says_so_until_it_is(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        page = screen.page
        saved = page.locator("#saved")

        screen.go("/conversations/new/")
        page.route("**/drafts/save/", lambda route: route.abort())
        page.fill("[name=subject]", "Your offer")
        expect(saved).to_contain_text("Not saved: the portal does not answer.")
        page.unroute("**/drafts/save/")
        expect(saved).to_contain_text("Draft saved at")
        expect(saved).not_to_contain_text("Not saved")

        page.route("**/drafts/save/", lambda route: route.fulfill(status=403))
        page.fill("[name=subject]", "Your new offer")
        expect(saved).to_contain_text("Not saved: this form has grown old.")
        page.unroute("**/drafts/save/")
        page.reload()
        expect(page.locator("[name=subject]")).to_have_value("Your new offer")
        expect(saved).to_contain_text("Draft saved at")


@pytest.mark.processes
def test_scheduled_mail_leaves_within_two_seconds_of_its_time(tmp_path: Path) -> None:
    """Through the whole product in one process: form, database, sweeper, worker."""
    with Portal(tmp_path) as portal:
        portal.sign_up()
        for seconds in (8, 9.3, 10.1, 11.7):  # all forms are through by then
            at = datetime.now(UTC) + timedelta(seconds=seconds)
            portal.post(
                "/conversations/new/",
                to=f"anna{seconds}@customer.test",
                subject="Your offer",
                send_at=at.replace(tzinfo=None).isoformat(),
            )
        wait_until(lambda: portal.count("accepted") == 4)
        late = [
            datetime.fromisoformat(str(left)) - datetime.fromisoformat(str(due))
            for left, due in portal.rows(
                "SELECT accepted_at, not_before FROM conversations_delivery"
            )
        ]
        assert all(timedelta(0) <= each < timedelta(seconds=2) for each in late)
