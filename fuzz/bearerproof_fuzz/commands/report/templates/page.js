"use strict";
(() => {
  const form = document.querySelector("form.filters");
  const rows = [...document.querySelectorAll("#matrix tbody tr")];
  const fields = ["text", "family", "level", "outcome"];
  const haystacks = new Map(rows.map((row) => [row, `${row.cells[0].textContent} ${row.dataset.text}`.toLowerCase()]));
  const conforming = new Set(["s-conforms", "s-not-judged", "s-not-asked"]);

  const has = (row, outcome) => {
    const held = [...row.cells].slice(1).map((cell) => cell.className);
    return outcome === "differs" ? held.some((name) => !conforming.has(name)) : held.includes(outcome);
  };

  const apply = () => {
    const wanted = Object.fromEntries(fields.map((name) => [name, form.elements[name].value]));
    const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    const all = form.elements.unasked.checked || wanted.outcome === "s-not-asked";
    let shown = 0;
    for (const row of rows) {
      row.hidden = !((all || !row.classList.contains("unasked"))
        && (!wanted.family || row.dataset.family === wanted.family)
        && (!wanted.level || row.dataset.level === wanted.level)
        && (!wanted.outcome || has(row, wanted.outcome))
        && words.every((word) => haystacks.get(row).includes(word)));
      shown += !row.hidden;
    }
    form.elements.shown.value = `${shown} of ${rows.length} shown`;
  };

  const remember = () => {
    const query = new URLSearchParams();
    for (const name of fields) if (form.elements[name].value) query.set(name, form.elements[name].value);
    if (form.elements.unasked.checked) query.set("unasked", "1");
    const text = query.toString();
    try { history.replaceState(null, "", (text ? `?${text}` : location.pathname) + location.hash); } catch { /* a sandboxed page has no address to change */ }
  };

  const recall = () => {
    const query = new URLSearchParams(location.search);
    for (const name of fields) {
      const field = form.elements[name], value = query.get(name) ?? "";
      if (field.tagName !== "SELECT" || [...field.options].some((option) => option.value === value)) field.value = value;
    }
    form.elements.unasked.checked = query.has("unasked");
  };

  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
      if (node.hidden && node.tagName === "TR") { form.reset(); form.elements.unasked.checked = true; apply(); }
    }
    target.scrollIntoView({ block: "start" });
    const focused = target.tagName === "DETAILS" ? target.querySelector("summary") : target.querySelector("a, summary") ?? target;
    focused.focus({ preventScroll: true });
  };

  form.addEventListener("input", () => { apply(); remember(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { apply(); remember(); }));
  addEventListener("hashchange", open);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) {
      event.preventDefault();
      form.elements.text.focus();
    }
  });
  addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details.finding")) each.open = true; });

  recall();
  apply();
  open();
  addEventListener("load", () => setTimeout(open)); // the browser's own jump to the fragment takes the focus away
})();
