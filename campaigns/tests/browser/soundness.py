"""What must hold of every page: both themes, a phone's width, and names for all that a person can use."""

from collections.abc import Iterator

from playwright.sync_api import Page, expect

PHONE = {"width": 390, "height": 844}
NAMED = {
    "button",
    "checkbox",
    "combobox",
    "dialog",
    "image",
    "link",
    "listbox",
    "menuitem",
    "progressbar",
    "radio",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
}
LIGHTNESS = """() => {
    const context = document.createElement("canvas").getContext("2d");
    context.fillStyle = getComputedStyle(document.getElementById("main") || document.body).backgroundColor;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data[0];
}"""


def faults(page: Page) -> Iterator[str]:
    """Sentences about what is wrong with the page that is open."""
    yield from _headings(page)
    yield from _nameless(page)
    yield from _themes(page)
    yield from _width(page)


def _headings(page: Page) -> Iterator[str]:
    if not page.title().strip(" |"):
        yield "It has no title."
    if (count := page.locator("h1:visible").count()) != 1:
        yield f"It has {count} headings of the first level."


def _nameless(page: Page) -> Iterator[str]:
    """By the names that Chromium gives to screen readers."""
    session = page.context.new_cdp_session(page)
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        role, name = node["role"]["value"], node.get("name", {}).get("value", "")
        if not node["ignored"] and role in NAMED and not name.strip():
            found = session.send("DOM.resolveNode", {"backendNodeId": node["backendDOMNodeId"]})
            said = session.send(
                "Runtime.callFunctionOn",
                {
                    "objectId": found["object"]["objectId"],
                    "functionDeclaration": "function() { return this.outerHTML.slice(0, 200); }",
                },
            )
            yield f"A {role} has no name: {said['result']['value']}"
    session.detach()


def use_theme(page: Page, theme: str) -> None:
    page.evaluate("theme => Alpine.$data(document.documentElement).switchTheme(theme)", theme)
    expect(page.locator("html.dark")).to_have_count(int(theme == "dark"))


def _themes(page: Page) -> Iterator[str]:
    for theme in ("dark", "light"):
        use_theme(page, theme)
        lightness = page.evaluate(LIGHTNESS)
        if (lightness < 128) != (theme == "dark"):
            yield f"In the {theme} theme its background has a lightness of {lightness} of 255."


def _width(page: Page) -> Iterator[str]:
    usual = page.viewport_size
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        yield f"On a phone it scrolls {wide} pixels sideways."
    if usual:
        page.set_viewport_size(usual)
