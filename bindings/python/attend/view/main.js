/* The page: what is chosen, and what happens when it changes. */

const get = (id) => document.getElementById(id);
const stage = get("stage");
const state = {
  kind: about.kinds.length - 1, // across, of an encoder-decoder
  view: "grid",
  layer: 0,
  head: 0,
  words: false,
  special: true,
  least: 0.05,
  chosen: null, // {side, index, other}
  hovered: null,
};
const search = new Search();
let shown = null; // {view, map, rows, columns}
let turn = 0;
let before = 0; // the head before the mean

function kind() {
  return about.kinds[state.kind];
}

/* Draws everything anew. A drawing that another has overtaken ends. */
async function draw() {
  const own = ++turn;
  root.removeAttribute("data-ready");
  const rows = new Axis(kind().queries, state.words, state.special);
  const columns = new Axis(kind().keys, state.words, state.special);
  state.layer = Math.min(state.layer, kind().heads.length - 1);
  state.head = Math.min(state.head, kind().heads[state.layer] - 1);
  showControls();
  if (!rows.count || !columns.count) {
    stage.textContent = "There are only special tokens.";
    shown = null;
    return;
  }
  const map = shownMap(await layerOf(kind(), state.layer), state.head, rows, columns);
  if (own !== turn) return;
  shown = { view: null, map, rows, columns };
  search.run(get("find").value, rows, columns);
  if (state.view === "grid") {
    shown.view = new Grid(stage, kind(), rows, columns, open);
    stage.setAttribute("aria-activedescendant", shown.view.mark(state.layer, state.head));
    await shown.view.drawn;
  } else {
    stage.removeAttribute("aria-activedescendant");
    shown.view = state.view === "lines"
      ? new Lines(stage, map, rows, columns, state.least, heard) : new Heat(stage, map, rows, columns, heard);
  }
  light();
  if (own !== turn) return;
  root.dataset.ready = "true";
  root.dataset.drawn ||= performance.now(); // since the page was asked for
}

/* Shows what is chosen or under the pointer, in what is drawn already. */
function light() {
  if (!shown) return;
  const active = state.view === "grid" ? null : state.hovered || state.chosen;
  shown.view.light?.(active, search.hits);
  showNumbers(get("numbers"), shown.map, shown.rows, shown.columns, active);
  const hidden = shown.view.hidden || 0;
  get("least-shown").textContent = state.least.toFixed(2) + (hidden ? ` (${hidden} lines not drawn)` : "");
  get("found").textContent = get("find").value.trim() ? search.said : "";
}

function change(values) {
  const axes = ["kind", "words", "special"].some((name) => name in values);
  Object.assign(state, values);
  state.hovered = null;
  if (axes) state.chosen = null;
  return draw();
}

function open(layer, head) {
  change({ view: "lines", layer, head });
  stage.focus({ preventScroll: true });
}

function heard(event, side, index, other = -1) {
  if (event === "choose") {
    const own = state.chosen;
    const again = own && own.side === side && own.index === index && own.other === other;
    state.chosen = again ? null : { side, index, other };
    state.hovered = null;
  } else {
    state.hovered = event === "hover" ? { side, index, other } : null;
  }
  light();
}

function choose(place) {
  state.chosen = { other: -1, ...place };
  state.hovered = null;
  light();
  shown.view.reveal?.(place);
}

function findNext(by) {
  const hit = search.step(by);
  if (!hit) return light();
  if (state.view === "grid") return change({ view: "lines" }).then(() => choose(search.step(by)));
  choose(hit);
}

/* --- The controls */

function fill(select, count, chosen, first) {
  const options = Array.from({ length: count }, (_, index) => new Option(index, index));
  if (first) options.unshift(new Option(first, MEAN));
  select.replaceChildren(...options);
  select.value = chosen;
}

function press(holder, name, value) {
  for (const button of holder.children) button.setAttribute("aria-pressed", String(button.dataset[name] === value));
}

function showControls() {
  fill(get("layer"), kind().heads.length, state.layer);
  fill(get("head"), kind().heads[state.layer], state.head, "mean");
  get("words").checked = state.words;
  get("special").checked = state.special;
  get("least").value = Math.round(100 * state.least);
  get("bound").style.visibility = state.view === "lines" ? "visible" : "hidden";
  press(get("views"), "view", state.view);
  press(get("kinds"), "kind", String(state.kind));
}

function moveHead(layers, heads) {
  const layer = Math.max(0, Math.min(kind().heads.length - 1, state.layer + layers));
  const head = Math.max(0, Math.min(kind().heads[layer] - 1, state.head + heads));
  if (state.view !== "grid") return change({ layer, head: heads || state.head !== MEAN ? head : MEAN });
  Object.assign(state, { layer, head });
  showControls();
  stage.setAttribute("aria-activedescendant", shown.view.mark(layer, head));
  layerOf(kind(), layer).then((maps) => {
    if (state.layer === layer && shown) shown.map = shownMap(maps, state.head, shown.rows, shown.columns);
  });
}

function moveToken(key) {
  const { side, index } = state.chosen || { side: "rows", index: -1 };
  const across = key === "ArrowLeft" ? "rows" : key === "ArrowRight" ? "columns" : side;
  const by = key === "ArrowUp" ? -1 : key === "ArrowDown" ? 1 : 0;
  choose({ side: across, index: Math.max(0, Math.min(shown[across].count - 1, index + by)) });
}

function turnTheme(name) {
  root.dataset.theme = name;
  draw();
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const KEYS = {
  1: () => change({ view: "grid" }),
  2: () => change({ view: "lines" }),
  3: () => change({ view: "heat" }),
  m: toggleMean,
  w: () => change({ words: !state.words }),
  s: () => change({ special: !state.special }),
  t: () => turnTheme(root.dataset.theme === "dark" ? "light" : "dark"),
  n: () => findNext(1),
  N: () => findNext(-1),
  "/": () => get("find").focus(),
  "?": () => get("help").showModal(),
  Escape: clear,
};

function toggleMean() {
  if (state.head !== MEAN) before = state.head;
  change({ head: state.head === MEAN ? before : MEAN });
}

function clear() {
  get("find").value = "";
  search.run("", { texts: [] }, { texts: [] });
  state.chosen = state.hovered = null;
  light();
}

function pressed(event) {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || get("help").open) return;
  if (target === get("find")) {
    if (event.key === "Enter") findNext(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") clear(), stage.focus();
    return;
  }
  if (target.closest("select, input") && event.key !== "Escape") return;
  const arrow = ARROWS[event.key];
  if (arrow && shown) {
    event.preventDefault();
    if (event.shiftKey || state.view === "grid") moveHead(...arrow);
    else moveToken(event.key);
  } else if (event.key === "Enter" && state.view === "grid" && !target.closest("button")) {
    open(state.layer, state.head);
  } else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
}

function say() {
  const said = [];
  if (!about.exact) said.push("The numbers are kept in 8 bits, of the roots of the weights.");
  if (!about.exact && about.leftOut >= 0.0005) {
    said.push(`Weights below ${(100 * about.least).toFixed(2)} % are left out: together `
      + `${(100 * about.leftOut).toFixed(1)} % of all attention.`);
  }
  get("said").textContent = said.join(" ");
}

function begin() {
  about.kinds.forEach(({ kind: name }, index) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
    button.dataset.kind = index;
    button.addEventListener("click", () => change({ kind: index }));
    get("kinds").append(button);
  });
  for (const button of get("views").children) {
    button.addEventListener("click", () => change({ view: button.dataset.view }));
  }
  get("layer").addEventListener("change", (event) => change({ layer: Number(event.target.value) }));
  get("head").addEventListener("change", (event) => change({ head: Number(event.target.value) }));
  get("words").addEventListener("change", (event) => change({ words: event.target.checked }));
  get("special").addEventListener("change", (event) => change({ special: event.target.checked }));
  get("least").addEventListener("input", (event) => change({ least: event.target.value / 100 }));
  get("find").addEventListener("input", () => {
    if (shown) search.run(get("find").value, shown.rows, shown.columns);
    light();
  });
  get("theme").addEventListener("click", KEYS.t);
  get("help-open").addEventListener("click", KEYS["?"]);
  get("save-svg").addEventListener("click", async () => saveSvg(await shown.view.picture(), "attention.svg"));
  get("save-json").addEventListener("click", () => {
    saveJson(state, shown.map, shown.rows, shown.columns, "attention.json");
  });
  darkens.addEventListener("change", () => turnTheme(darkens.matches ? "dark" : "light"));
  document.addEventListener("keydown", pressed);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) draw();
    width = innerWidth;
  });
  say();
  draw();
}

if (typeof DecompressionStream === "undefined") {
  stage.textContent = "This browser cannot unpack the maps: it has no DecompressionStream, as others have since 2023.";
} else {
  begin();
}
