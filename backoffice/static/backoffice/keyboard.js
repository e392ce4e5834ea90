// unfold writes icons as words, which screen readers would say, and makes some controls of elements that take no keys.
(() => {
  "use strict";

  // A control that has nothing but an icon is called by its title, or as the page says of the icon.
  function name(icon) {
    const control = icon.closest("a, button, [x-on\\:click]");
    const word = icon.textContent.trim();
    if (control && !control.hasAttribute("aria-label") && control.textContent.trim() === word) {
      const names = document.querySelector("meta[name=icon-names]").dataset;
      const said = control.title || names[word.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())];
      if (!said) return;
      control.setAttribute("aria-label", said);
    }
    icon.setAttribute("aria-hidden", "true");
  }

  // Only what has an icon and opens or closes something: the rows of a table are clicked, too, but have a checkbox.
  function reach(icon) {
    const control = icon.closest("[x-on\\:click]");
    if (!control || control.matches("a[href], button, input, td, tr") || control.hasAttribute("tabindex")) return;
    control.setAttribute("role", "button");
    control.tabIndex = 0;
    control.addEventListener("keydown", (event) => {
      if (event.target !== control || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      control.click();
    });
  }

  function mend(root) {
    root.querySelectorAll(".material-symbols-outlined").forEach((icon) => {
      name(icon);
      reach(icon);
    });
  }

  // The panel with the filters stands elsewhere in the page than its button: the focus goes there and comes back.
  function follow(opener) {
    const panel = document.getElementById("changelist-filter");
    opener.addEventListener("click", () => {
      window.setTimeout(() => panel.querySelector(".select2-selection, input:not([type=hidden]), select, button").focus(), 100);
    });
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") opener.focus();
    });
  }

  window.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".filter-open-button").forEach(follow);
    mend(document);
    // Menus are put into the page when Alpine has started, and parts of it come later.
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        addedNodes.forEach((node) => node instanceof Element && mend(node));
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
