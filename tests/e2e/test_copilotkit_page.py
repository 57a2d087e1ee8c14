"""The example chat in a real browser, on three versions of CopilotKit: it streams, acts, stops, and is reloaded."""

import json
import shutil
import subprocess
from contextlib import suppress

import httpx
import pytest
from edgewright.keys import new_client_key
from edgewright.localcloud.runtime.install import npm_ci
from edgewright_verify.upstream import ScriptedUpstream
from playwright.sync_api import expect, sync_playwright

from .browser import CHROMIUM, FLAGS, pages_of
from .conftest import ROOT
from .odd import targets
from .stage import KEY, Stage, fresh

FOLDER = ROOT / "examples" / "copilotkit-chat"
VERSIONS = ["1.10", "1.60", "1.74"]
# Later pages ask for fonts and an inspector elsewhere: nothing outside this machine is reached.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
LAVENDER = "rgb(230, 230, 250)"
ANSWER = ".copilotKitAssistantMessage"
PRESSES, SENT_MS = 20, 3_000
NARROW = new_client_key()
STOP = "[data-test-id=copilot-chat-request-in-progress]"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
    pytest.mark.usefixtures("patient"),
]


@pytest.fixture(scope="module")
def pages():
    """The folder with its bundles; what they are made of (860 MB) is installed when its lock has changed."""
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm_ci(FOLDER)
    subprocess.run([shutil.which("node"), "build.mjs"], cwd=FOLDER, check=True)
    return FOLDER


@pytest.fixture(scope="module")
def origin(pages):
    with pages_of(pages) as served:
        yield served


@pytest.fixture(scope="module")
def stranger(pages):
    """The same page at an origin that the stack does not let in."""
    with pages_of(pages) as served:
        yield served


@pytest.fixture(scope="module")
def stage(tmp_path_factory, origin):
    """The local cloud's own models: they call a tool that is named, and are slow where they are asked to be."""
    folder = tmp_path_factory.mktemp("chat")
    changes = {
        "upstreams": {"ai": {"type": "workers-ai"}},
        "models": {name: targets("@cf/meta/llama-3.1-8b-instruct", upstream="ai") for name in ("small", "other")},
        "default_model": "small",
        "agents": {"default": {}},
        "protocols": {"copilotkit": True, "copilotkit_graphql": True},
        "cors": {"origins": [origin]},
        "auth": {"keys": {"demo": {"tenant": "demo"}, "narrow": {"tenant": "demo", "models": ["other"]}}},
        "client_keys": {"demo": KEY, "narrow": NARROW},
    }
    with ScriptedUpstream() as unused, Stage(folder, unused, **changes) as made:
        yield made


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def patient():
    """A bundle of 17 MB and 200 words of an answer take their time on a machine that does other things too."""
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def visit(origin, stage, version, tmp_path):
    """Opens the page with a key."""
    with (
        sync_playwright() as driver,
        driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, ALONE]) as browser,
    ):
        opened = browser.new_page(viewport={"width": 900, "height": 700})
        opened.set_default_timeout(60_000)

        def visit(key=KEY, at=origin):
            opened.goto(f"{at}/?copilotkit={version}&url={stage.url}")
            return connect(opened, key)

        yield visit
        opened.screenshot(path=tmp_path / f"{version}.png")


def connect(page, key):
    """Gives the page a key; it shows the chat, or why there is none."""
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Connect").click()
    return page


def settled(page):
    """When a page has asked what it asks on its load, it takes messages."""
    expect(page.locator(ANSWER).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    return page


def say(page, text):
    """A page takes a message when it has the whole answer to the one before; until then Enter does nothing."""
    expect(page.locator(STOP)).to_have_count(0)
    box = page.get_by_role("textbox")
    box.fill(text)
    for _ in range(PRESSES):
        box.press("Enter")
        with suppress(AssertionError):
            expect(box).to_have_value("", timeout=SENT_MS)
            break
    expect(page.locator(".copilotKitUserMessage").last).to_have_text(text)


def calls(stage, mark):
    """The model's own log of the calls that hold a text."""
    headers = {"authorization": f"Bearer {stage.cloud.token}"}
    every = httpx.get(f"{stage.cloud.control_url}/model-calls", headers=headers).json()
    return [call for call in every if mark in json.dumps(call["body"])]


def test_an_answer_comes_and_an_action_runs_once_and_is_told(visit, stage):
    page, mark = settled(visit()), fresh()
    say(page, f"hello {mark}")
    expect(page.locator(ANSWER).last).to_contain_text(f'You wrote "hello {mark}".')
    say(page, f"{mark}: please set_background to Lavender")
    expect(page.locator(".page")).to_have_css("background-color", LAVENDER)
    expect(page.locator(ANSWER).last).to_contain_text("The tool answered: The background is Lavender now.")
    _, acting, following = calls(stage, mark)
    assert [tool["function"]["name"] for tool in acting["body"]["tools"]] == ["set_background"]
    told = json.dumps(following["body"]["messages"])
    assert told.count("The page's background color") == 1
    assert [message["role"] for message in following["body"]["messages"]][-2:] == ["assistant", "tool"]


def test_stop_ends_a_long_answer_and_the_model(visit, stage):
    page, mark = settled(visit()), fresh()
    say(page, f"a slow answer {mark}")
    expect(page.locator(ANSWER).last).to_contain_text("word5 ")
    page.locator(STOP).click()
    expect(page.locator(STOP)).to_have_count(0)
    while (call := calls(stage, mark)[0])["outcome"] is None:
        pass
    assert call["outcome"] == "cancelled"
    assert 4 < call["tokens"] < 150
    said = page.locator(ANSWER).last.inner_text()
    say(page, f"hello {mark}")
    expect(page.locator(ANSWER).last).to_contain_text(f'You wrote "hello {mark}".')
    expect(page.locator(ANSWER).nth(1)).to_have_text(said)


@pytest.mark.parametrize("version", ["1.60", "1.74"], indirect=True)
def test_a_thread_survives_a_reload_and_its_run_goes_on(visit):
    page, mark = settled(visit()), fresh()
    say(page, f"hello {mark}")
    expect(page.locator(ANSWER).last).to_contain_text(f'You wrote "hello {mark}".')
    say(page, f"a slow answer {mark}")
    expect(page.locator(ANSWER).last).to_contain_text("word5 ")
    page.reload()
    expect(page.locator(".copilotKitUserMessage")).to_have_text([f"hello {mark}", f"a slow answer {mark}"])
    expect(page.locator(ANSWER).nth(1)).to_contain_text(f'You wrote "hello {mark}".')
    expect(page.locator(ANSWER).last).to_contain_text("word1 word2 word3")
    expect(page.locator(ANSWER).last).to_contain_text("word200")


def test_a_wrong_key_is_told_and_can_be_changed(visit):
    page, mark = visit("sk-edge-wrong"), fresh()
    expect(page.get_by_role("alert")).to_have_text("This key is not known here.")
    page.reload()
    settled(connect(page, KEY))
    say(page, f"hello {mark}")
    expect(page.locator(ANSWER).last).to_contain_text(f'You wrote "hello {mark}".')
    page.get_by_role("button", name="Change the key").click()
    expect(page.get_by_label("Key", exact=True)).to_be_empty()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_proxy_that_does_not_let_the_page_in_is_told_with_what_to_check(visit, stage, stranger):
    page = visit(at=stranger)
    expect(page.get_by_role("alert")).to_contain_text(f"{stage.url} cannot be reached from this page.")
    expect(page.get_by_role("alert")).to_contain_text(f"is {stranger} in cors.origins of its stack?")


def test_a_refusal_is_shown(visit):
    page = settled(visit(NARROW))
    say(page, "hello")
    expect(page.get_by_text("This key may not use")).to_be_visible()
