/* The page's table: sorts, filters, chooses; the chosen candidate is drawn by the viewer. All texts
   of candidates are set as text, never as HTML. */
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const MISSING = "–";
  const PAGE_STEP = 10;

  /* ---- light and dark ---- */
  const theme = $("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    if (viewer) viewer.redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => viewer && viewer.redraw());

  let viewer = null;
  if (!data.rows.length || !$("table")) return;

  /* ---- columns ---- */
  // Formulas are their own names.
  const named = data.rows.some((row) => row.id !== row.formula);
  const head = [{ label: "Name", kind: "text" }, { label: "Formula", kind: "text" }];
  const columns = [...head, ...data.columns];
  const at = (key) => data.columns.findIndex((column) => column.key === key);
  const value = (row, column) =>
    column === 0 ? row.id : column === 1 ? row.formula : row.values[column - head.length];

  function shown(raw, column) {
    if (raw === null || raw === undefined) return MISSING;
    if (column.kind === "flag") return raw ? "yes" : "no";
    if (column.kind !== "number") return raw;
    const tiny = raw !== 0 && Math.abs(raw) < 0.5 * 10 ** -column.digits;
    // Of an energy that is noise of a relaxation; a likelihood is small and meant so.
    if (tiny && column.unit === "eV/atom") return (0).toFixed(column.digits);
    return (tiny ? raw.toExponential(1) : raw.toFixed(column.digits)).replaceAll("-", "−");
  }

  function formulaInto(element, formula) {
    for (const part of formula.split(/(\d+)/)) {
      if (!part) continue;
      const node = /^\d+$/.test(part) ? document.createElement("sub") : document.createTextNode(part);
      if (node.nodeType === 1) node.textContent = part;
      element.append(node);
    }
  }

  /* ---- table ---- */
  const body = $("table").tBodies[0];
  const lines = data.rows.map((row, index) => {
    const line = document.createElement("tr");
    line.dataset.index = index;
    line.tabIndex = -1;
    line.setAttribute("role", "row");
    line.setAttribute("aria-selected", "false");
    columns.forEach((column, place) => {
      const cell = line.insertCell();
      cell.setAttribute("role", "gridcell");
      cell.hidden = place === 0 && !named;
      if (place === 1) formulaInto(cell, row.formula);
      else cell.textContent = shown(value(row, place), column);
      if (column.kind === "number") cell.className = "number";
      if (column.kind === "text") cell.title = cell.textContent;
    });
    return line;
  });

  const order = { column: null, down: false };
  const heads = columns.map((column, place) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.setAttribute("role", "columnheader");
    cell.hidden = place === 0 && !named;
    if (column.kind === "number") cell.className = "number";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = column.label;
    if (column.note) button.title = column.note;
    if (column.unit) {
      const unit = document.createElement("small");
      unit.textContent = column.unit;
      button.append(unit);
    }
    button.addEventListener("click", () => {
      order.down = order.column === place && !order.down;
      order.column = place;
      sort();
      show();
    });
    cell.append(button);
    return cell;
  });
  const headLine = $("table").tHead.insertRow();
  headLine.setAttribute("role", "row");
  headLine.append(...heads);

  let sorted = data.rows.map((_, index) => index);
  function sort() {
    const { column, down } = order;
    heads.forEach((cell, place) => {
      if (place === column) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    const text = columns[column].kind === "text";
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    sorted.sort((one, two) => {
      const [a, b] = [value(data.rows[one], column), value(data.rows[two], column)];
      // What is missing comes last, whichever way the rest is sorted.
      if (a === null || b === null) return (a === null) - (b === null) || one - two;
      const by = text ? compare(a, b) : a - b;
      return (down ? -by : by) || one - two;
    });
  }

  /* ---- filters ---- */
  const energies = data.columns.filter((column) => column.unit === "eV/atom");
  for (const column of energies) $("energy").add(new Option(column.label, column.key));
  $("energy-label").hidden = !energies.length;
  $("novelty-label").hidden = at("novel") < 0 && at("distinct") < 0;
  for (const option of [...$("novelty").options]) {
    const needs = { novel: ["novel"], known: ["novel"], distinct: ["distinct"], both: ["novel", "distinct"] }[option.value];
    if (needs && needs.some((key) => at(key) < 0)) option.remove();
  }
  const form = document.querySelector(".filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(show));

  const symbols = () => ($("with").value.match(/[A-Za-z][a-z]?/g) || [])
    .map((word) => word[0].toUpperCase() + word.slice(1));

  function passes(row) {
    const text = $("find").value.trim().toLowerCase();
    if (text && !row.formula.toLowerCase().includes(text) && !row.id.toLowerCase().includes(text)) return false;
    const wanted = symbols();
    if (wanted.length) {
      const has = (symbol) => row.elements.includes(symbol);
      const fits = { all: () => wanted.every(has), any: () => wanted.some(has), none: () => !wanted.some(has),
        only: () => row.elements.every((symbol) => wanted.includes(symbol)) }[$("how").value];
      if (!fits()) return false;
    }
    if ($("most").value !== "") {
      const energy = row.values[at($("energy").value)];
      if (energy === null || energy > Number($("most").value)) return false;
    }
    const [novel, distinct] = ["novel", "distinct"].map((key) => at(key) < 0 ? null : row.values[at(key)]);
    return { "": true, novel: novel === true, distinct: distinct === true, known: novel === false,
      both: novel === true && distinct === true }[$("novelty").value];
  }

  let visible = [];
  function show() {
    visible = sorted.filter((index) => passes(data.rows[index]));
    body.replaceChildren(...visible.map((index) => lines[index]));
    $("table").setAttribute("aria-rowcount", visible.length + 1);
    $("count").textContent = `${visible.length.toLocaleString("en")} of ${data.rows.length.toLocaleString("en")} shown`;
    const pressed = symbols();
    for (const button of document.querySelectorAll("[data-element]"))
      button.setAttribute("aria-pressed", String(pressed.includes(button.dataset.element)));
    const kept = visible.includes(chosen);
    if (!kept && visible.length) choose(visible[0], false);
    else if (visible.length) for (const index of visible) lines[index].tabIndex = index === chosen ? 0 : -1;
  }

  for (const button of document.querySelectorAll("[data-element]"))
    button.addEventListener("click", () => {
      const wanted = symbols(), symbol = button.dataset.element;
      const left = wanted.filter((other) => other !== symbol);
      $("with").value = (left.length < wanted.length ? left : [...wanted, symbol]).join(" ");
      show();
    });

  /* ---- choosing ---- */
  let chosen = null;
  function choose(index, focus) {
    if (chosen !== null) {
      lines[chosen].setAttribute("aria-selected", "false");
      lines[chosen].tabIndex = -1;
    }
    chosen = index;
    const line = lines[index];
    line.setAttribute("aria-selected", "true");
    line.tabIndex = 0;
    if (focus) {
      line.focus({ preventScroll: true });
      line.scrollIntoView({ block: "nearest" });
    }
    for (const mark of document.querySelectorAll(".pick.now")) mark.classList.remove("now");
    const name = data.rows[index].id;
    for (const mark of document.querySelectorAll(".pick"))
      if (mark.dataset.id === name) { mark.classList.add("now"); mark.parentNode.append(mark); }
    if ($("viewer")) detail(data.rows[index]);
  }
  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr");
    if (line) choose(Number(line.dataset.index), true);
  });
  body.addEventListener("keydown", (event) => {
    const place = visible.indexOf(chosen), last = visible.length - 1;
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: last,
      PageDown: place + PAGE_STEP, PageUp: place - PAGE_STEP }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      choose(visible[Math.min(Math.max(next, 0), last)], true);
    } else if (event.key === "Enter" && $("viewer")) {
      event.preventDefault();
      $("viewer").focus();
    }
  });
  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".pick");
    if (!mark) return;
    const index = data.rows.findIndex((row) => row.id === mark.dataset.id);
    if (index < 0) return;
    if (!visible.includes(index)) { form.reset(); setTimeout(() => { show(); choose(index, true); }); }
    else choose(index, true);
    $("candidates").scrollIntoView();
  });

  /* ---- the chosen one ---- */
  function say(text) { if ($("said")) $("said").textContent = text; }
  if ($("viewer") && typeof tfmatViewer !== "undefined") {
    viewer = tfmatViewer.create($("viewer"), data.palette, { onMessage: say });
    // For tests, and for whoever opens the console.
    window.tfmatReport = { viewer };
  }

  function detail(row) {
    const name = $("name");
    name.replaceChildren();
    formulaInto(name, row.formula);
    const small = document.createElement("small");
    small.textContent = row.id;
    name.append(" ", small);
    if (viewer) viewer.show(row.scene, `${row.formula} (${row.id})`);
    say("");
    $("cif").textContent = row.cif || "No structure on this page.";
    $("copy").disabled = $("save").disabled = !row.cif;
    $("legend").replaceChildren(...[...new Set(row.scene ? row.scene.z : [])].map((number) => {
      const [symbol, colour] = data.palette[number];
      const key = document.createElement("span");
      key.className = "atom";
      key.textContent = symbol;
      key.style.setProperty("--atom", colour);
      return key;
    }));
    $("values").replaceChildren(...data.columns.flatMap((column, place) => {
      const raw = row.values[place];
      if (raw === null) return [];
      const pair = document.createElement("div");
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = column.label;
      text.textContent = `${shown(raw, column)} ${column.unit}`.trim();
      pair.append(term, text);
      return [pair];
    }));
  }

  function fileName(row) {
    const safe = `${row.formula}-${row.id}`.replace(/[^A-Za-z0-9._-]+/g, "_").replace(/^[.-]+/, "");
    return (safe.slice(0, 100) || "structure") + ".cif";
  }

  if ($("viewer")) {
    $("save").addEventListener("click", () => {
      const row = data.rows[chosen];
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([row.cif], { type: "chemical/x-cif" }));
      link.download = fileName(row);
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      say(`saved as ${link.download}`);
    });
    $("copy").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(data.rows[chosen].cif);
        say("copied");
      } catch {
        // Pages opened from the disk may not write to the clipboard: the text is marked to copy.
        $("cif").parentNode.open = true;
        getSelection().selectAllChildren($("cif"));
        say(document.execCommand("copy") ? "copied" : "marked below: press Ctrl+C");
      }
    });
    const acts = {
      a: () => viewer.along(0), b: () => viewer.along(1), c: () => viewer.along(2),
      left: () => viewer.turn(-15, 0), right: () => viewer.turn(15, 0),
      nearer: () => viewer.zoom(1.2), farther: () => viewer.zoom(1 / 1.2), reset: () => viewer.reset(),
    };
    for (const button of document.querySelectorAll("[data-act]")) {
      button.disabled = !viewer || !viewer.works;
      button.addEventListener("click", () => {
        if (button.dataset.act === "images") button.setAttribute("aria-pressed", String(viewer.images()));
        else acts[button.dataset.act]();
      });
    }
  }

  if (data.rank !== null) {
    order.column = head.length + at(data.rank);
    sort();
  }
  show();
})();
