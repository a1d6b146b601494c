"""The page of attention maps in headless Chromium: it renders, hears clicks and keys, shows the library's numbers."""

from __future__ import annotations

import json
import shutil
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Callable, Iterator

import attend
import numpy as np
import pytest
from attend import maps, view

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="there is no chromium with chromedriver")

#: Seconds that the page may take to show what was asked for, on a busy machine.
PATIENCE = 60.0


class Page:
    """A page in a browser."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads

    def open(self, page: view.View, path: Path) -> None:
        page.save(path)
        self.driver.get(path.as_uri())
        self.wait()

    def wait(self, condition: str = "document.documentElement.dataset.ready === 'true'") -> None:
        end = time.monotonic() + PATIENCE
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, condition
            time.sleep(0.02)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def text(self, selector: str) -> str:
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        chain = ActionChains(self.driver)
        for key in keys:
            if key.startswith("Shift+"):
                chain.key_down(Keys.SHIFT).send_keys(getattr(Keys, key[6:], key[6:])).key_up(Keys.SHIFT)
            else:
                chain.send_keys(getattr(Keys, key, key))
        chain.perform()
        self.wait()

    def click(self, selector: str) -> None:
        self.all(selector)[0].click()
        self.wait()

    def numbers(self) -> dict[int, float]:
        """The numbers at the side: weights by the places of their tokens."""
        rows = self.run(
            "return [...document.querySelectorAll('#numbers tr[data-index]')]"
            ".map((row) => [Number(row.dataset.index), Number(row.cells[1].textContent)])"
        )
        return dict(rows)

    def saved(self, button: str, name: str) -> str:
        """The file that a button saves."""
        path = self.downloads / name
        path.unlink(missing_ok=True)
        self.all(button)[0].click()
        end = time.monotonic() + PATIENCE
        while not path.exists() or not path.stat().st_size:
            assert time.monotonic() < end, name
            time.sleep(0.02)
        return path.read_text()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: Any) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    downloads = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    browser.downloads = downloads
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def found(model: attend.Model) -> maps.Maps:
    return maps.record(model, "attention")


@pytest.fixture
def page(driver: Any, found: maps.Maps, tmp_path: Path) -> Iterator[Page]:
    driver.set_window_size(1200, 900)
    own = Page(driver, driver.downloads)
    own.open(view.View(found), tmp_path / "page.html")
    yield own
    assert driver.get_log("browser") == []  # no error, and nothing that the page's policy refused


def test_all_heads_are_drawn_and_nothing_is_loaded(page: Page, found: maps.Maps) -> None:
    assert len(page.all(".cell")) == 16
    painted = page.run(
        "return [...document.querySelectorAll('.cell canvas')].map((canvas) =>"
        " [canvas.width, canvas.height, ...canvas.getContext('2d').getImageData(0, 0, 10, 8).data])"
    )
    assert all(own[:2] == [10, 8] for own in painted)
    paper, accent = np.array([255, 255, 255]), np.array([0x1D, 0x5F, 0xBF])
    for index, own in enumerate(painted):
        colors = np.array(own[2:]).reshape(8, 10, 4)[..., :3]
        strength = np.sqrt(found.cross.layers[index // 4][index % 4])[..., None]
        assert np.abs(colors - (paper + strength * (accent - paper))).max() < 2
    requests = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    urls = [each["params"]["request"]["url"] for each in requests if each["method"] == "Network.requestWillBeSent"]
    assert len(urls) == 1 and urls[0].startswith("file:")


def test_a_click_on_a_head_opens_it_and_a_token_shows_the_numbers(page: Page, found: maps.Maps) -> None:
    page.click("#cell-3-1")
    assert page.run("return [layer.value, head.value].map(Number)") == [3, 1]
    weights = found.cross.layers[3][1]
    texts = page.run("return [...document.querySelectorAll('.token title')].map((title) => title.textContent)")
    assert texts == [*found.cross.queries.texts, *found.cross.keys.texts]
    lines = page.run(
        "return [...document.querySelectorAll('.all line')].map((l) => Number(l.getAttribute('stroke-opacity')))"
    )
    assert lines == pytest.approx(np.sort(weights[weights >= 0.05]).tolist(), abs=5e-4)
    for query in (0, 4):
        page.click(f".token[data-side=rows][data-index='{query}']")
        assert page.text("#numbers h2") == f"{found.cross.queries.texts[query]} looks at"
        assert page.numbers() == pytest.approx(dict(enumerate(weights[query].tolist())), abs=5.1e-4)
        beside = page.run(
            "return [...document.querySelectorAll('.token[data-side=columns] .weight')].map((own) => own.textContent)"
        )
        assert beside == [f"{weight:.2f}" if weight >= 0.005 else "" for weight in weights[query]]
    page.click(".token[data-side=columns][data-index='8']")
    assert page.text("#numbers h2") == "n is looked at by"
    assert page.numbers() == pytest.approx(dict(enumerate(weights[:, 8].tolist())), abs=5.1e-4)
    page.click(".token[data-side=columns][data-index='8']")  # a second click lets it go
    assert page.numbers() == {}


def test_hovering_shows_a_token_until_the_pointer_leaves(page: Page, found: maps.Maps) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    page.press("2")
    ActionChains(page.driver).move_to_element(page.all(".token[data-side=rows]")[3]).perform()
    assert page.text("#numbers h2") == "N looks at"
    assert len(page.all(".some line")) == int((found.cross.layers[0][0][3] > 0).sum())
    ActionChains(page.driver).move_to_element(page.all("h1")[0]).perform()
    assert page.numbers() == {} and not page.all(".some line")


def test_keys_move_between_heads_tokens_and_views(page: Page, found: maps.Maps) -> None:
    page.press("ARROW_DOWN", "ARROW_DOWN", "ARROW_RIGHT", "ENTER")
    assert page.run("return [layer.value, head.value].map(Number)") == [2, 1] and page.all("svg.lines")
    page.press("ARROW_DOWN", "ARROW_DOWN", "ARROW_DOWN")
    assert page.numbers() == pytest.approx(dict(enumerate(found.cross.layers[2][1][2].tolist())), abs=5.1e-4)
    page.press("ARROW_RIGHT")
    assert page.numbers() == pytest.approx(dict(enumerate(found.cross.layers[2][1][:, 2].tolist())), abs=5.1e-4)
    page.press("Shift+ARROW_UP", "Shift+ARROW_RIGHT", "ARROW_LEFT")
    assert page.run("return [layer.value, head.value].map(Number)") == [1, 2]
    page.press("m")
    assert page.run("return Number(head.value)") == -1
    assert page.numbers() == pytest.approx(dict(enumerate(found.cross.map(1)[2].tolist())), abs=5.1e-4)
    page.press("m", "ESCAPE", "3")
    assert page.run("return Number(head.value)") == 2 and page.numbers() == {} and page.all("svg.heat")
    page.press("?")
    assert page.run("return help.open")
    page.press("ESCAPE", "1")
    assert not page.run("return help.open") and len(page.all(".cell")) == 16


def test_the_map_has_a_pixel_for_each_weight(page: Page, found: maps.Maps) -> None:
    page.press("3")
    size = page.run(
        "const image = document.querySelector('svg.heat image');"
        "return [image.getAttribute('width'), image.getAttribute('height')].map(Number)"
    )
    assert size[0] / 10 == size[1] / 8
    from selenium.webdriver.common.action_chains import ActionChains

    image = page.all("svg.heat image")[0]
    at = [round((place + 0.5) * size[0] / 10 - length / 2) for place, length in ((4, size[0]), (3, size[1]))]
    ActionChains(page.driver).move_to_element_with_offset(image, *at).click().perform()
    assert page.text("#numbers h2") == "N looks at"
    assert page.numbers() == pytest.approx(dict(enumerate(found.cross.layers[0][0][3].tolist())), abs=5.1e-4)
    assert len(page.all("svg.heat g rect")) == 2  # its row and its column


def test_words_and_special_tokens(page: Page, found: maps.Maps) -> None:
    for button, kind in zip(page.all("#kinds button"), found):
        button.click()
        page.wait()
        page.press("2")
        for words, special in ((False, False), (True, True), (True, False)):
            if page.run("return words.checked") != words:
                page.press("w")
            if page.run("return special.checked") != special:
                page.press("s")
            expected = kind.words() if words else kind
            expected = expected if special else expected.without_special()
            page.press("ARROW_DOWN")
            own = dict(enumerate(expected.map(0, 0)[0].tolist()))
            assert page.numbers() == pytest.approx({key: own[key] for key in page.numbers()}, abs=5.1e-4)
            assert len(page.numbers()) == min(12, sum(weight > 0 for weight in own.values()))
            assert len(page.all(".token")) == len(expected.queries) + len(expected.keys)
        page.press("w", "s")


def test_a_token_is_searched(page: Page) -> None:
    page.press("2", "/", *"N")
    assert page.text("#found") == "4 found"  # two phonemes, two letters
    page.press("ENTER")
    assert page.text("#found") == "1 of 4" and page.text("#numbers h2") == "N looks at"
    page.press("Shift+ENTER")
    assert page.text("#found") == "4 of 4"
    page.press("ESCAPE")
    assert page.text("#found") == "" and page.numbers() == {}


def test_what_is_seen_is_saved(page: Page, found: maps.Maps) -> None:
    page.click("#cell-2-3")
    numbers = json.loads(page.saved("#save-json", "attention.json"))
    assert np.array_equal(np.array(numbers["weights"], np.float32), found.cross.layers[2][3])
    assert (numbers["kind"], numbers["layer"], numbers["head"], numbers["exact"]) == ("cross", 2, 3, True)
    assert numbers["queries"] == list(found.cross.queries.texts)
    for key, images in (("2", 0), ("3", 1), ("1", 16)):
        page.press(key)
        picture = ElementTree.fromstring(page.saved("#save-svg", "attention.svg"))
        assert picture.tag == "{http://www.w3.org/2000/svg}svg"
        assert len(list(picture.iter("{http://www.w3.org/2000/svg}image"))) == images
        assert "var(" not in ElementTree.tostring(picture, "unicode")


def test_a_notebook_shows_the_page_in_a_frame(page: Page, found: maps.Maps, tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!DOCTYPE html><p>Out[1]:</p>{view.View(found)._repr_html_()}", encoding="utf-8")
    page.driver.get(notebook.as_uri())
    page.driver.switch_to.frame(0)
    page.wait()
    page.click("#cell-3-2")
    page.click(".token[data-side=rows][data-index='3']")
    assert page.numbers() == pytest.approx(dict(enumerate(found.cross.layers[3][2][3].tolist())), abs=5.1e-4)
    saved = json.loads(page.saved("#save-json", "attention.json"))
    assert saved["queries"] == list(found.cross.queries.texts)
    page.driver.switch_to.default_content()


def test_light_dark_and_a_phone(page: Page) -> None:
    color: Callable[[], str] = lambda: page.run("return getComputedStyle(document.body).backgroundColor")  # noqa: E731
    assert color() == "rgb(255, 255, 255)"
    page.press("t")
    assert color() == "rgb(18, 22, 29)"
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 3, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        page.driver.refresh()
        page.wait()
        assert color() == "rgb(18, 22, 29)"
        page.press("2")
        assert page.run("return document.documentElement.scrollWidth") <= 360
        assert page.run("return document.querySelector('svg.lines').getBoundingClientRect().right") <= 360
        page.click(".token[data-side=rows]")
        assert page.text("#numbers h2") == "AH0 looks at"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_page_in_8_bits_says_so(page: Page, tmp_path: Path) -> None:
    weights = np.random.default_rng(0).exponential(size=(2, 2, 300, 300)).astype(np.float32) ** 4
    weights /= weights.sum(axis=-1, keepdims=True)
    names = [f"w{place}" for place in range(300)]
    own = maps.Attention.of(weights, names, names, "encoder")
    page.open(view.View(own, max_bytes=300_000), tmp_path / "rounded.html")
    assert "8 bits" in page.text("#said") and "% of all attention" in page.text("#said")
    page.press("2", "ARROW_DOWN")
    for key, weight in page.numbers().items():
        given = float(weights[0, 0, 0, key])
        assert weight == pytest.approx(given, abs=given**0.5 / 255 + 5e-4)
    assert "all others" in page.text("#numbers")
