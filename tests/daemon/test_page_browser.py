"""The status page in a real browser: three providers, one open, one with a wrong password, one throttled."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rig import rabbit
from rig.browser import Browser, Page
from rig.daemon import provider
from rig.patience import eventually
from rig.stage import Stage

PHONE = (390, 844)


@pytest.fixture(scope="module")
def scene(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A daemon under load with the three providers, and a browser."""
    directory = tmp_path_factory.mktemp("page")
    stage = Stage(broker_url, rabbit.unique_prefix(), directory)
    try:
        good, wrong = stage.simulator(), stage.simulator(credentials={"acme": "right"})
        slow = stage.simulator(throttle={"per_second": 4})
        daemon = stage.daemon(
            {
                "beeline": provider(good.port, title="Билайн", max_rate=30),
                "megafon": provider(wrong.port, title="МегаФон <Москва>", password="wrong"),
                "tele2": provider(slow.port, title="Tele2", max_rate=20),
            }
        )
        daemon.bound("beeline", "tele2")
        stage.crm.send_many(2000, "tele2.bulk")
        stage.crm.send_many(100, "beeline")
        with Browser(directory) as browser:
            url = f"http://127.0.0.1:{daemon.port}/"
            yield SimpleNamespace(daemon=daemon, browser=browser, url=url, good=good, crm=stage.crm)
    finally:
        stage.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), PHONE], ids=["wide", "phone"])
def test_the_page_shows_each_provider_and_fits(scene: Any, size: tuple[int, int], dark: bool) -> None:
    page: Page = scene.browser.page(*size, dark=dark)
    page.go(f"{scene.url}?open=tele2")
    page.shows("throttled", "#p-tele2 .state ~ .tag")
    assert page.text("#p-beeline .state") == "connection open"
    assert page.text("#p-megafon .state") == "connection closed"
    assert "ESME_RINVPASWD: the password is wrong: correct password" in page.text("#p-megafon .detail")
    assert "МегаФон <Москва>" in page.text("#p-megafon")
    page.shows("lower max_rate", "#errors")
    page.shows("bound", "#p-tele2 .log")
    assert page.read("document.documentElement.scrollWidth <= innerWidth"), "overflows"
    background = page.read("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 24, 27)" if dark else "rgb(255, 255, 255)")
    assert page.console == []


def test_what_changes_shows_without_a_reload_and_what_the_reader_does_stays(scene: Any) -> None:
    page: Page = scene.browser.page()
    page.go(scene.url)
    page.read("window.same = true")
    page.read("document.querySelector('#p-beeline a').focus()")
    scene.good.go_down()
    try:
        page.until("document.querySelector('#p-beeline .state').textContent === 'connection closed'")
        assert page.read("document.querySelector('tbody').id") == "p-beeline"
    finally:
        scene.good.come_up()
    page.until("document.querySelector('#p-beeline .state').textContent === 'connection open'")
    assert page.read("[...document.querySelectorAll('tbody')].map(each => each.id)")[-1] == "p-beeline"
    assert page.read("document.activeElement.dataset.toggle") == "beeline"
    assert page.read("window.same")
    assert page.console == []
    asked = {address.partition("?")[0] for address in page.requests}
    ours = {scene.url, f"{scene.url}page.css", f"{scene.url}page.js"}
    assert ours <= asked <= {*ours, f"{scene.url}icon.svg"}


def test_a_click_opens_a_provider_and_the_address_keeps_it(scene: Any) -> None:
    page: Page = scene.browser.page()
    page.go(scene.url)
    for name in ("megafon", "tele2"):
        page.click(f"a[data-toggle={name}]")
        page.until(f"document.querySelector('#p-{name} .opened') !== null")
    assert page.read("location.search") == "?open=megafon%2Ctele2"
    assert "auth_failed" in page.text("#p-megafon .log")
    page.until("document.querySelector('#p-tele2 svg') !== null")
    page.click("a[data-toggle=megafon]")
    page.until("document.querySelector('#p-megafon .opened') === null")
    page.go(page.read("location.href"))
    assert page.read("document.querySelectorAll('.opened').length") == 1
    assert page.read("document.querySelector('#p-tele2 a').getAttribute('aria-expanded')") == "true"


def test_the_filter_leaves_who_is_sought(scene: Any) -> None:
    page: Page = scene.browser.page()
    page.go(scene.url)
    page.read("document.querySelector('input').focus()")
    page.call("Input.insertText", {"text": "мегаФОН"})
    page.until("document.querySelectorAll('tbody').length === 1")
    assert page.read("document.querySelector('tbody').id") == "p-megafon"
    page.until("performance.getEntriesByName(location.href).length > 1")
    assert page.read("document.querySelector('input').value") == "мегаФОН"


def test_a_daemon_that_dies_is_said_and_one_that_comes_back_too(scene: Any) -> None:
    page: Page = scene.browser.page()
    page.go(scene.url)
    scene.daemon.kill9()
    words = page.shows("smsd does not answer since ", "#silence")
    page.until("getComputedStyle(document.querySelector('main')).opacity < 1")
    assert page.read("document.title").startswith("no answer · 3 providers")
    assert words[len("smsd does not answer since ") :][:8].count(":") == 2
    assert "Билайн" in page.text("#providers")
    page.console.clear()  # chromium's own words about the refused connection
    scene.daemon.start()
    scene.daemon.ready()
    page.until("document.getElementById('silence').hidden")
    page.until("document.querySelector('#p-beeline .state').textContent === 'connection open'")
    assert page.read("document.title").startswith("3 providers")


def test_a_tab_that_is_not_seen_does_not_ask(scene: Any) -> None:
    page: Page = scene.browser.page()
    page.go(scene.url)
    other: Page = scene.browser.page()
    page.until("document.hidden")
    before = len(page.requests)
    other.go(scene.url)
    other.until("performance.getEntriesByName(location.href).length > 2")  # meanwhile this one has
    assert len(page.requests) == before
    page.call("Page.bringToFront")
    page.until("!document.hidden")
    eventually(lambda: page.read("0") or len(page.requests) > before)


def test_without_script_the_page_is_whole_and_comes_anew_by_itself(scene: Any) -> None:
    page: Page = scene.browser.page(*PHONE, script=False)
    page.go(f"{scene.url}?open=megafon&q=mega")
    assert page.text("#p-megafon .state") == "connection closed"
    assert "auth_failed" in page.text("#p-megafon .log")
    assert page.read("document.querySelectorAll('tbody').length") == 1
    assert page.read("document.querySelector('meta[http-equiv=refresh]').content") == "10"
    assert page.console == []
