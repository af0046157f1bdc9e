"""A figure as a piece of a page: light or dark, beside others, whoever named what it shows."""

import re
import warnings
from xml.etree import ElementTree

from matplotlib.colors import to_rgb

from runner.analysis.figures.rendering import png, svg
from runner.canvas import COLORS, canvas, plain


def figure(name="loss", values=(1.0, 2.0, 3.0)):
    made, (axis,) = canvas("title", height=3)
    axis.plot(values, color=COLORS[0], label=plain(name), marker="o")
    axis.set_ylabel(plain(name))
    axis.legend(frameon=False)
    return made


def ids(drawn):
    return re.findall(r'\bid="([^"]*)"', drawn)


def test_figures_of_one_page_have_ids_of_their_own():
    one, other = svg(figure("one")), svg(figure("other"))
    assert ids(one) and not set(ids(one)) & set(ids(other))
    assert len(ids(one)) == len(set(ids(one)))
    referred = set(re.findall(r"url\(#([^)]*)\)", one)) | set(re.findall(r'href="#([^"]*)"', one))
    assert referred == set(ids(one))


def test_the_same_figure_gives_the_same_text():
    assert svg(figure()) == svg(figure())
    assert png(figure()) == png(figure())
    assert not re.search(r"<metadata|<style|matplotlib v|\b20\d\d-", svg(figure()))


def test_ink_is_the_colour_of_the_page_and_there_is_no_background():
    drawn = svg(figure())
    root = ElementTree.fromstring(drawn)
    assert root.get("fill") == "currentColor"
    colors = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", drawn))
    assert colors == {COLORS[0].lower(), "#b0b0b0"}  # a series and the grid
    assert "stroke: currentColor" in drawn


def test_words_stay_words_and_can_do_nothing():
    name = '</text><script>alert("x")</script>$\\frac$ id="y" #000000 \x1b[2J 日本'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = svg(figure(name), label='a "title" <b>')
        png(figure(name))
    root = ElementTree.fromstring(drawn)
    said = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert name.replace("\x1b", "\\x1b") in said
    assert root.get("aria-label") == 'a "title" <b>'
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def contrast(one, other):
    """Of two colours, as WCAG 2.1 defines it."""
    light = []
    for color in (one, other):
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
        light.append(0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05)
    return max(light) / min(light)


def test_the_first_colours_stand_out_on_light_and_dark():
    for color in (*COLORS[:4], "0.5"):
        assert contrast(color, "#ffffff") > 2.9
        assert contrast(color, "#1b1b1b") > 2.9
