"""The example page in a real browser: it streams over the socket, loses its connection, and goes on."""

import pytest
from edgewright_verify.upstream import ScriptedUpstream
from edgewright_verify.upstream.script import TEXT
from playwright.sync_api import expect, sync_playwright

from .browser import CHROMIUM, FLAGS, pages_of
from .conftest import ROOT
from .stage import KEY, Stage, fresh

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")


@pytest.fixture(scope="module")
def origin():
    with pages_of(ROOT / "examples") as served:
        yield served


@pytest.fixture(scope="module")
def stage(tmp_path_factory, origin):
    folder = tmp_path_factory.mktemp("page")
    with ScriptedUpstream(0.5) as upstream, Stage(folder, upstream, cors={"origins": [origin]}) as made:
        yield made


@pytest.fixture
def page(origin, stage, tmp_path):
    with sync_playwright() as driver, driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
        opened = browser.new_page(viewport={"width": 900, "height": 700})
        opened.set_default_timeout(20_000)
        opened.goto(f"{origin}/conversation-socket/?url={stage.url}&conversation={fresh('page')}")
        opened.get_by_label("Key").fill(KEY)
        opened.get_by_role("button", name="Connect", exact=True).click()
        expect(opened.get_by_role("status")).to_have_text("connected")
        yield opened
        opened.screenshot(path=tmp_path / "page.png")


def say(page, text):
    """Says it; each test says something of its own, so that no answer comes from the cache."""
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send").click()


def test_an_answer_streams_and_a_dropped_connection_costs_nothing(page):
    say(page, "hello")
    answer = page.locator("p.assistant")
    expect(answer).to_contain_text("w5")
    page.get_by_role("button", name="Drop the connection").click()
    expect(page.locator("#count")).to_have_text("2")
    expect(answer).to_have_text(TEXT, timeout=20_000)
    expect(answer).not_to_have_class("assistant running")
    expect(page.locator("p.error")).to_have_count(0)


def test_stop_ends_a_long_answer(page):
    say(page, "a long one")
    expect(page.locator("p.assistant")).to_contain_text("w3")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("p.error")).to_have_text("The run was stopped.")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    say(page, "and again")
    expect(page.locator("p.assistant").nth(1)).to_contain_text("w3")
