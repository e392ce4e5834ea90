// The rows of a saved filter: only what fits the field is shown, rows are added and removed, and the count follows.
(() => {
  "use strict";

  const CHANGED = "autosend-audience";

  function fit(row) {
    const [field, operator] = row.querySelectorAll("select");
    const fits = field.selectedOptions[0].dataset.fits.split(" ");
    const value = row.querySelector("[data-value]");
    row.querySelector("[data-attribute]").hidden = field.value !== "attributes.";
    for (const option of operator.options) {
      option.hidden = option.disabled = Boolean(field.value) && !fits.includes(option.value);
    }
    // Something is always chosen: a select without a choice would not be sent, and the rows would not fit together.
    if (!operator.selectedOptions[0] || operator.selectedOptions[0].disabled) {
      operator.value = [...operator.options].find((option) => !option.disabled).value;
    }
    operator.hidden = !field.value;
    value.hidden = !field.value || ["empty", "filled"].includes(operator.value);
    value.type = ["created_at", "updated_at"].includes(field.value) ? "date" : "text";
    if (field.value === "list") value.setAttribute("list", "conditions-lists");
    else value.removeAttribute("list");
  }

  function add(box, row) {
    const copy = row.cloneNode(true);
    copy.querySelectorAll("input").forEach((input) => { input.value = ""; });
    copy.querySelector("select").value = "";
    box.querySelector("[data-add]").before(copy);
    number(box);
    fit(copy);
    copy.querySelector("select").focus();
  }

  function remove(box, row) {
    const rows = box.querySelectorAll("[data-condition]");
    if (rows.length === 1) {
      row.querySelector("select").value = "";
      fit(row);
    } else {
      row.remove();
    }
    number(box);
    box.querySelector("[data-add]").focus();
    box.closest("form").dispatchEvent(new Event(CHANGED));
  }

  function number(box) {
    const rows = box.querySelectorAll("[data-condition]");
    rows.forEach((row, index) => {
      row.setAttribute("aria-label", row.getAttribute("aria-label").replace(/\d+/, String(index + 1)));
    });
    box.querySelector("[data-add]").hidden = rows.length >= Number(box.dataset.most);
  }

  function prepare(box) {
    const rows = [...box.querySelectorAll("[data-condition]")];
    // Without this script two empty rows wait; with it, one is enough.
    rows.slice(1).filter((row) => !row.querySelector("select").value).forEach((row) => row.remove());
    box.querySelectorAll("[data-condition]").forEach((row) => {
      row.querySelector("[data-remove]").hidden = false;
      fit(row);
    });
    number(box);
    box.addEventListener("change", (event) => {
      const row = event.target.closest("[data-condition]");
      if (row) fit(row);
    });
    box.addEventListener("click", (event) => {
      if (event.target.closest("[data-add]")) add(box, box.querySelector("[data-condition]"));
      else if (event.target.closest("[data-remove]")) remove(box, event.target.closest("[data-condition]"));
    });
  }

  // select2 tells jQuery of a choice, and nobody else.
  function watch(form) {
    const names = /^(lists|excluded_lists|add_recipients|add_all|conditions-\w+)$/;
    const tell = (event) => {
      if (names.test(event.target.name)) form.dispatchEvent(new Event(CHANGED));
    };
    form.addEventListener("input", tell);
    if (window.django && window.django.jQuery) window.django.jQuery(form).on("change", tell);
    else form.addEventListener("change", tell);
  }

  window.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-conditions]").forEach(prepare);
    document.querySelectorAll("[data-audience]").forEach((count) => watch(count.closest("form")));
  });
})();
