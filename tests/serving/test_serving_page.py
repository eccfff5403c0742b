"""The demo page, in a real browser."""

from __future__ import annotations

import base64
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from served import running

from sixfold.serving import Bundle

pytestmark = pytest.mark.slow


@pytest.fixture(params=[("en", 1280), ("zh-CN", 390)], ids=["desk, English", "telephone, Chinese"])
def view(request: pytest.FixtureRequest) -> dict[str, Any]:
    language, width = request.param
    return {"language": language, "width": width}


def words(browser: Any) -> str:
    return str(browser.value("document.body.innerText"))


@pytest.mark.parametrize("which", ["digits", "table"])
def test_a_real_example_is_answered(
    browser: Any, request: pytest.FixtureRequest, view: dict[str, Any], which: str
) -> None:
    url, bundle = request.getfixturevalue(f"{which}_url"), request.getfixturevalue(f"{which}_bundle")
    browser.open(f"{url}/", **view)
    browser.value("localStorage.clear()")
    browser.open(f"{url}/", **view)
    assert bundle.product.goal in words(browser)
    assert browser.value("document.documentElement.lang") == view["language"]
    browser.value("document.getElementById('example').click()")
    browser.until("document.querySelector('.said')")
    expected = bundle.sample["answer"][bundle.target.name]
    assert browser.value("document.querySelector('.value').textContent") == expected
    assert browser.value("document.querySelectorAll('.bars li').length") == len(
        bundle.sample["answer"]["probabilities"]
    )
    assert browser.value("document.querySelector('.bars .first').innerText").startswith(expected)
    if "one_of" in bundle.sample["answer"]:
        named = browser.value("[...document.querySelectorAll('.said .sure')].pop().innerText")
        assert all(name in named for name in bundle.sample["answer"]["one_of"])
        assert "90" in named
    assert bundle.version in words(browser)
    assert browser.complaints == []


def test_a_medical_product_says_on_its_page_what_it_is_not(
    browser: Any, table_bundle: Bundle, table_url: str, view: dict[str, Any]
) -> None:
    said = "not a certified medical device" if view["language"] == "en" else "不是经认证的医疗器械"
    medical = replace(table_bundle, product=table_bundle.product.changed(evaluate={"medical": True}))
    with running(medical) as url:
        browser.open(f"{url}/", **view)
        assert said in words(browser)
    browser.open(f"{table_url}/", **view)
    assert said not in words(browser)


def test_the_page_fits_its_window(browser: Any, digits_url: str, view: dict[str, Any]) -> None:
    browser.open(f"{digits_url}/", **view)
    browser.value("fillExample()")
    browser.until("document.querySelector('.said')")
    assert browser.value("document.documentElement.scrollWidth") <= view["width"]


def test_every_word_is_in_both_languages_and_the_choice_is_remembered(browser: Any, table_url: str) -> None:
    browser.open(f"{table_url}/", language="en")
    keys = [browser.value(f"Object.keys(WORDS.{code}).sort().join()") for code in ("en", "zh")]
    assert keys[0] == keys[1]
    browser.value("document.querySelector('[data-language=zh]').click()")
    chinese = words(browser)
    browser.open(f"{table_url}/", language="en")
    assert words(browser) == chinese
    browser.value("document.querySelector('[data-language=en]').click()")
    assert words(browser) != chinese


def test_everything_to_fill_in_or_press_has_a_name(browser: Any, request: pytest.FixtureRequest) -> None:
    for which in ("digits", "table", "mixed", "text"):
        browser.open(f"{request.getfixturevalue(f'{which}_url')}/", language="en")
        nameless = browser.value(
            """[...document.querySelectorAll('button, input, select, textarea, a[href]')].filter(part =>
                !part.hidden && !part.textContent.trim() && !part.getAttribute('aria-label')
                && !(part.labels ?? []).length
            ).map(part => part.outerHTML).join()"""
        )
        assert nameless == ""


def test_what_is_filled_in_is_what_is_sent(browser: Any, table_url: str) -> None:
    browser.open(f"{table_url}/", language="en")
    browser.value(
        """(() => {
            document.querySelector('input[name="mean radius"]').value = '25.5';
            document.querySelector('select').value = '大';
            document.querySelector('input[name="mean radius"]').dispatchEvent(new Event('input', {bubbles: true}));
            document.getElementById('ask').click();
        })()"""
    )
    browser.until("document.querySelector('.said')")
    assert browser.value("document.querySelector('.value').textContent") == "yes"
    assert '"mean radius": 25.5' in browser.value("document.getElementById('curl').textContent")


def test_a_mistake_is_said_beside_its_field(browser: Any, table_url: str, digits_url: str) -> None:
    browser.open(f"{table_url}/", language="zh-CN")
    browser.value("useLanguage('zh')")
    browser.value("document.getElementById('ask').click()")
    assert "请至少填写一项" in words(browser)
    browser.open(f"{digits_url}/", language="en")
    browser.value("useLanguage('en')")
    browser.value("takePicture('photo', new File(['no picture'], 'a.png', {type: 'image/png'}), true)")
    browser.until("document.querySelector('.field .fault')")
    assert "photo" in browser.value("document.querySelector('.field .fault').textContent")
    assert browser.value("document.getElementById('field-0').getAttribute('aria-invalid')") == "true"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("which", ["digits", "table"])
def test_the_line_to_copy_works_as_it_stands(
    browser: Any, request: pytest.FixtureRequest, tmp_path: Path, which: str
) -> None:
    bundle: Bundle = request.getfixturevalue(f"{which}_bundle")
    browser.open(f"{request.getfixturevalue(f'{which}_url')}/", language="en")
    line = browser.value("document.getElementById('curl').textContent")
    if which == "digits":
        (tmp_path / "photo.png").write_bytes(base64.b64decode(bundle.sample["row"]["photo"]))
    said = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert str(bundle.sample["answer"][bundle.target.name]) in said
    assert '"answers"' in said


def test_names_and_values_are_shown_as_text_never_run(browser: Any, table_bundle: Bundle) -> None:
    import dataclasses

    from served import running

    evil = "<img src=x onerror=alert(1)>"
    product = table_bundle.product.changed(goal=evil)
    with running(dataclasses.replace(table_bundle, product=product)) as url:
        browser.open(f"{url}/", language="en")
        assert evil in words(browser)
        assert browser.value("document.querySelectorAll('main img').length") == 0


def opened(browser: Any, url: str, language: str = "en", width: int = 1280) -> None:
    browser.complaints.clear()
    browser.open(f"{url}/", language=language, width=width)
    browser.value(f"useLanguage('{language[:2]}')")


def typed(browser: Any, field: int, text: str) -> None:
    browser.value(
        f"""(() => {{
            const input = document.getElementById('field-{field}');
            input.value = {text!r};
            input.dispatchEvent(new Event('input', {{bubbles: true}}));
        }})()"""
    )


def test_a_number_is_answered_with_its_interval_and_no_more_digits_than_are_known(
    browser: Any, mixed_url: str, mixed_bundle: Bundle, view: dict[str, Any]
) -> None:
    opened(browser, mixed_url, **view)
    browser.value("fillExample()")
    browser.until("document.querySelector('.range')")
    answer = mixed_bundle.sample["answer"]
    reach = (answer["interval"]["high"] - answer["interval"]["low"]) / 2
    said = float(browser.value("document.querySelector('.value').textContent").replace(",", ""))
    assert abs(said - answer["price"]) < reach / 10
    assert said % 100 == 0
    assert "90%" in browser.value("document.querySelector('.range').innerText")
    assert browser.value("document.documentElement.scrollWidth") <= view["width"]
    title = mixed_bundle.figures["mean_absolute_error"]["title"][view["language"][:2]]
    assert title in words(browser)
    assert browser.complaints == []


def test_the_example_fills_pictures_dates_and_series(browser: Any, mixed_url: str, mixed_bundle: Bundle) -> None:
    opened(browser, mixed_url)
    browser.value("fillExample()")
    browser.until("document.querySelector('.range')")
    row = mixed_bundle.sample["row"]
    assert browser.value("document.querySelectorAll('.pictures .drop img').length") == 2
    assert browser.value("document.getElementById('field-3').value") == row["built"]
    assert browser.value("row().heating") == row["heating"]
    assert browser.value("document.querySelectorAll('.chart path').length") == 2


def test_pasted_series_are_read_in_the_ways_tables_write_them(browser: Any, mixed_url: str) -> None:
    opened(browser, mixed_url)
    for text in ("1, 2\n3, -\n", "1\t2\n3\t?", "[[1, 2], [3, null]]", "1 2\n\n3 nan"):
        typed(browser, 4, text)
        assert browser.value("JSON.stringify(row().heating)") == "[[1,2],[3,null]]", text
    typed(browser, 4, "1, 2\n3, four")
    assert "four" in browser.value("document.querySelector('.told').textContent")
    browser.value("document.getElementById('ask').click()")
    assert "Line 2" in browser.value("document.querySelector('.field .fault').textContent")
    typed(browser, 4, "1, 2\n3")
    assert "2 channels" in browser.value("document.querySelector('.told').textContent")


def test_a_row_may_lack_its_pictures(browser: Any, mixed_url: str) -> None:
    opened(browser, mixed_url)
    typed(browser, 2, "80")
    browser.value("document.getElementById('ask').click()")
    browser.until("document.querySelector('.range')")
    assert '"area": 80' in browser.value("document.getElementById('curl').textContent")


def test_a_text_is_answered_and_may_not_be_left_out(browser: Any, text_url: str, text_bundle: Bundle) -> None:
    opened(browser, text_url)
    browser.value("document.getElementById('ask').click()")
    assert "Fill in message first" in words(browser)
    typed(browser, 0, "银行提高了利率")
    browser.value("document.getElementById('ask').click()")
    browser.until("document.querySelector('.said')")
    assert browser.value("document.querySelector('.value').textContent") == "money"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_line_to_copy_sends_pictures_and_fields_as_they_stand(
    browser: Any, mixed_url: str, mixed_bundle: Bundle, tmp_path: Path
) -> None:
    opened(browser, mixed_url)
    line = browser.value("document.getElementById('curl').textContent")
    for name in ("kitchen", "garden"):
        (tmp_path / f"{name}.png").write_bytes(base64.b64decode(mixed_bundle.sample["row"][name]))
    said = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert str(mixed_bundle.sample["answer"]["price"])[:6] in said
