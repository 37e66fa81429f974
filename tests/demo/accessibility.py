"""What a browser measures of a page: contrast of all text, and axe-core's findings."""

import os
from pathlib import Path

AXE = next(
    (
        path
        for path in (
            Path(os.environ.get("FACEHUB_AXE", "none")),
            Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js",
        )
        if path.is_file()
    ),
    None,
)
"""axe-core's script: `npm install axe-core` in the repository, or any copy that FACEHUB_AXE names."""

MIN_CONTRAST = 4.5
"""WCAG 2.1, 1.4.3, level AA for text of any size."""

CONTRAST = """
const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1});
const context = canvas.getContext('2d', {willReadFrequently: true});
const parse = colour => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
};
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ground = element => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
        const style = getComputedStyle(one);
        if (style.backgroundImage !== 'none') return null;
        layers.push(parse(style.backgroundColor));
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
};
const found = [], seen = new Set();
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
    const element = walk.currentNode.parentElement, words = walk.currentNode.textContent.trim();
    const visible = element.checkVisibility({opacityProperty: true, visibilityProperty: true});
    if (!words || seen.has(element) || !visible) continue;
    const box = element.getBoundingClientRect();
    const exempt = element.closest('[disabled], [aria-hidden=true], svg, script, style');
    if (!box.width || !box.height || exempt) continue;
    seen.add(element);
    const below = ground(element);
    if (!below) continue;
    const text = over(parse(getComputedStyle(element).color), below);
    const [high, low] = [light(text), light(below)].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), words.slice(0, 60), element.tagName + '.' + element.className]);
}
return found;
"""
"""Contrast of each visible text with the colours behind it, by WCAG's formula. Disabled controls are exempt
there."""

STILL = """
const style = document.createElement('style');
style.textContent = '* { transition: none !important; animation: none !important; }';
document.head.append(style);
"""
"""Colours are measured as they end up, not on their way from light to dark."""

RUN_AXE = """
const done = arguments[0];
axe.run(document, {resultTypes: ['violations']}).then(result => done(result.violations
    .filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes.map(node => node.html.slice(0, 160)).join(' | ')}`)));
"""


def contrasts(driver) -> list[tuple[float, str, str]]:
    """Contrast, words and element of each visible text."""
    return [tuple(one) for one in driver.execute_script(CONTRAST)]


def axe_findings(driver) -> list[str]:
    """axe-core's serious and critical findings."""
    if not driver.execute_script("return Boolean(window.axe)"):
        assert AXE is not None
        driver.execute_script(AXE.read_text(encoding="utf-8"))
    return driver.execute_async_script(RUN_AXE)


def check_both_modes(driver) -> None:
    """Assert that what is on the page now can be read, light and dark, and that axe-core finds nothing in it
    where it is installed."""
    driver.execute_script(STILL)
    for _ in range(2):
        texts = contrasts(driver)
        assert len(texts) > 8
        assert not [text for text in texts if text[0] < MIN_CONTRAST], (
            driver.execute_script("return document.body.className"),
            sorted(texts)[:5],
        )
        assert not (found := axe_findings(driver) if AXE else []), found
        driver.execute_script("document.body.classList.toggle('dark')")
