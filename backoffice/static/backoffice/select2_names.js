// select2 names a field by its value alone; screen readers want the field's label, too.
(() => {
  "use strict";

  function name(select) {
    const label = select.labels && select.labels[0];
    const box = select.nextElementSibling && select.nextElementSibling.querySelector("[role=combobox]");
    if (!label || !box) return;
    label.id = label.id || `${select.id}-label`;
    const value = box.querySelector("[role=textbox]");
    for (const part of [value, box.querySelector("[role=searchbox]")]) {
      if (part) part.setAttribute("aria-labelledby", label.id);
    }
    box.setAttribute("aria-labelledby", value ? `${label.id} ${value.id}` : label.id);
  }

  function nameAll() {
    document.querySelectorAll("select.select2-hidden-accessible").forEach(name);
  }

  window.addEventListener("load", nameAll);
  document.addEventListener("htmx:load", () => window.setTimeout(nameAll));
})();
