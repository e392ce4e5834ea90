// unfold writes icons as words, which screen readers would say, makes some controls of elements that take no keys, and
// leaves the focus behind its dialogs.
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

  // A time is asked for in two fields, of which the label names neither.
  function nameBoth(label) {
    const both = [0, 1].map((half) => document.getElementById(`${label.htmlFor}_${half}`));
    if (document.getElementById(label.htmlFor) || both.includes(null)) return;
    both.forEach((field) => field.setAttribute("aria-label", `${label.textContent.trim()}: ${field.placeholder}`));
    label.htmlFor = both[0].id;
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

  // Into a dialog, to what is wrong or wanted there, or to the dialog itself; back to the button it goes by itself.
  function enter({ target }) {
    if (target.id !== "modal-content" && target.id !== "dialog-form") return;
    const dialog = document.getElementById("modal-content");
    dialog.setAttribute("role", "dialog");
    dialog.setAttribute("aria-modal", "true");
    dialog.setAttribute("aria-label", dialog.querySelector("h1")?.textContent.trim() ?? "");
    dialog.tabIndex = -1;
    const fields = "input:not([type=hidden]), select, textarea";
    const wanted = dialog.querySelector(`.errors :is(${fields})`) || dialog.querySelector(fields) || dialog;
    window.setTimeout(() => wanted.focus(), 100);
  }

  // A dialog that is refused shows nothing: the page, loaded anew, says what has become of its object.
  function say({ detail }) {
    if (detail.target.closest("#modal-content")) window.location.reload();
  }

  window.addEventListener("DOMContentLoaded", () => {
    document.body.addEventListener("htmx:responseError", say);
    document.body.addEventListener("htmx:afterSettle", enter);
    document.querySelectorAll(".filter-open-button").forEach(follow);
    // What the page is about, beside menu and head; a screen reader, and the link past the menu, go there.
    document.getElementById("content")?.setAttribute("role", "main");
    document.getElementById("header-inner")?.setAttribute("role", "banner");
    document.querySelectorAll("label[for]").forEach(nameBoth);
    mend(document);
    // Menus are put into the page when Alpine has started, and parts of it come later.
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) {
        addedNodes.forEach((node) => node instanceof Element && mend(node));
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
