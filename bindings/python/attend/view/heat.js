/* A head as a map: a row for each token that looks, a column for each that is looked at. */

class Heat {
  /* `on(event, side, index, other)` hears "hover", "leave" and "choose" of rows and columns. */
  constructor(stage, map, rows, columns, on) {
    this.axes = { rows, columns };
    this.left = Heat.margin(rows);
    this.top = Heat.margin(columns);
    const room = stage.clientWidth - 28 - this.left;
    this.cell = Math.max(2, Math.min(30, Math.floor(room / columns.count)));
    this.size = { width: this.cell * columns.count, height: this.cell * rows.count };
    const width = this.left + this.size.width + 2;
    const height = this.top + this.size.height + 2;
    this.svg = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "heat", ...fonts() });
    const canvas = document.createElement("canvas");
    paint(canvas, map, columns.count, rows.count, colorScale());
    const place = { x: this.left, y: this.top, ...this.size };
    svg("image", { ...place, href: canvas.toDataURL(), preserveAspectRatio: "none",
      style: "image-rendering: pixelated" }, this.svg);
    svg("rect", { ...place, fill: "none", stroke: color("edge") }, this.svg);
    this.marks = svg("g", {}, this.svg);
    this.label("rows");
    this.label("columns");
    this.listen(on);
    stage.replaceChildren(this.svg);
  }

  static margin(axis) {
    return 14 + 7 * Math.min(14, Math.max(...axis.texts.map((text) => Array.from(text).length)));
  }

  /* The names of one side; of small cells only some. */
  label(side) {
    const every = Math.ceil(12 / this.cell);
    this.axes[side].texts.forEach((text, index) => {
      if (index % every) return;
      const middle = index * this.cell + this.cell / 2 + 4;
      const fill = color(this.axes[side].special[index] ? "faint" : "ink");
      const name = shortened(text, 14);
      if (side === "rows") {
        svg("text", { x: this.left - 6, y: this.top + middle, "text-anchor": "end", fill }, this.svg, name);
      } else {
        const transform = `translate(${this.left + middle} ${this.top - 6}) rotate(-90)`;
        svg("text", { transform, fill }, this.svg, name);
      }
    });
  }

  /* The row and column under a pointer; -1 for a name, which is one of both. */
  at(event) {
    const box = this.svg.getBoundingClientRect();
    const scale = this.svg.viewBox.baseVal.width / box.width;
    const row = Math.floor(((event.clientY - box.top) * scale - this.top) / this.cell);
    const column = Math.floor(((event.clientX - box.left) * scale - this.left) / this.cell);
    if (row >= this.axes.rows.count || column >= this.axes.columns.count) return null;
    if (row >= 0) return { side: "rows", index: row, other: column };
    return column >= 0 ? { side: "columns", index: column, other: -1 } : null;
  }

  listen(on) {
    const hear = (type, name) => this.svg.addEventListener(type, (event) => {
      if (event.pointerType === "touch") return;
      const place = this.at(event);
      if (place) on(name, place.side, place.index, place.other);
      else on("leave");
    });
    hear("pointermove", "hover");
    this.svg.addEventListener("pointerleave", () => on("leave"));
    this.svg.addEventListener("click", (event) => {
      const place = this.at(event);
      if (place) on("choose", place.side, place.index, place.other);
    });
  }

  band(side, index, attributes) {
    const offset = index * this.cell;
    svg("rect", side === "rows"
      ? { x: 1, y: this.top + offset, width: this.left + this.size.width, height: this.cell, ...attributes }
      : { x: this.left + offset, y: 1, width: this.cell, height: this.top + this.size.height, ...attributes },
    this.marks);
  }

  light(active, hits) {
    this.marks.replaceChildren();
    for (const { side, index } of hits) this.band(side, index, { fill: color("hit"), "fill-opacity": 0.4 });
    if (!active) return;
    this.band(active.side, active.index, { fill: "none", stroke: color("key") });
    if (active.other >= 0) this.band("columns", active.other, { fill: "none", stroke: color("key") });
  }

  reveal({ side, index }) {
    const box = this.svg.getBoundingClientRect();
    const place = index * this.cell;
    if (side === "rows") {
      const y = box.top + this.top + place;
      if (y < 80 || y > innerHeight - 60) scrollBy({ top: y - innerHeight / 2 });
    } else {
      this.svg.parentElement.scrollLeft = this.left + place - this.svg.parentElement.clientWidth / 2;
    }
  }

  picture() {
    return this.svg.cloneNode(true);
  }
}
