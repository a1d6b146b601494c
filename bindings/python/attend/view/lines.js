/* A head: its tokens in two columns, those that look and those that are looked at, with lines between them. */

const MOST_LINES = 5000;

class Lines {
  /* `on(event, side, index)` hears "hover", "leave" and "choose" of tokens. */
  constructor(stage, map, rows, columns, least, on) {
    this.map = map;
    this.axes = { rows, columns };
    this.step = matchMedia("(pointer: coarse)").matches ? 30 : 22;
    const width = Math.max(280, Math.min(760, stage.clientWidth - 28));
    const side = Math.floor(width * 0.34);
    this.ends = { rows: side, columns: width - side };
    const height = this.step * Math.max(rows.count, columns.count) + 8;
    this.svg = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "lines", ...fonts() });
    this.all = svg("g", { class: "all", stroke: color("accent"), "stroke-width": 1.6 }, this.svg);
    this.some = svg("g", { class: "some", "stroke-width": 2 }, this.svg);
    this.tokens = { rows: this.column("rows", 0, side), columns: this.column("columns", width - side, side) };
    this.hidden = this.draw(least);
    this.listen(on);
    stage.replaceChildren(this.svg);
  }

  column(name, x, width) {
    const axis = this.axes[name];
    const isLeft = name === "rows";
    const most = Math.floor((width - 44) / 7);
    return axis.texts.map((text, index) => {
      const token = svg("g", { class: "token", "data-side": name, "data-index": index }, this.svg);
      const y = index * this.step + 4;
      const back = svg("rect", { x, y, width, height: this.step - 2, rx: 3, "fill-opacity": 0 }, token);
      const at = isLeft ? x + width - 8 : x + 8;
      svg("text", { x: at, y: y + this.step / 2 + 4, "text-anchor": isLeft ? "end" : "start",
        fill: color(axis.special[index] ? "faint" : "ink") }, token, shortened(text, most));
      const number = svg("text", { x: isLeft ? x + 4 : x + width - 4, y: y + this.step / 2 + 4, class: "weight",
        "text-anchor": isLeft ? "start" : "end", "font-size": 11, fill: color("ink") }, token, "");
      svg("title", {}, token, text);
      return { token, back, number };
    });
  }

  y(index) {
    return index * this.step + this.step / 2 + 3;
  }

  line(group, row, column, weight) {
    svg("line", { x1: this.ends.rows + 1, y1: this.y(row), x2: this.ends.columns - 1, y2: this.y(column),
      "stroke-opacity": Math.min(1, weight).toFixed(3) }, group);
  }

  /* The lines of all weights from `least` on, or the strongest of them; how many are not drawn. */
  draw(least) {
    const width = this.axes.columns.count;
    const places = [];
    this.map.forEach((weight, place) => {
      if (weight > 0 && weight >= least) places.push(place);
    });
    places.sort((one, other) => this.map[one] - this.map[other]);
    const hidden = Math.max(0, places.length - MOST_LINES);
    for (const place of places.slice(hidden)) {
      this.line(this.all, Math.floor(place / width), place % width, this.map[place]);
    }
    return hidden;
  }

  listen(on) {
    const of = (event) => event.target.closest(".token")?.dataset;
    const hear = (type, name) => this.svg.addEventListener(type, (event) => {
      const token = of(event);
      if (token && event.pointerType !== "touch") on(name, token.side, Number(token.index));
    });
    hear("pointerover", "hover");
    hear("pointerout", "leave");
    this.svg.addEventListener("click", (event) => {
      const token = of(event);
      if (token) on("choose", token.side, Number(token.index));
    });
  }

  /* Shows one token's lines and numbers alone; null: all lines. `hits` are found tokens. */
  light(active, hits) {
    this.all.setAttribute("display", active ? "none" : "inline");
    this.some.replaceChildren();
    this.some.setAttribute("stroke", color(active?.side === "columns" ? "key" : "accent"));
    for (const [side, tokens] of Object.entries(this.tokens)) {
      tokens.forEach(({ back, number }, index) => {
        const isActive = active && active.side === side && active.index === index;
        const weight = active && active.side !== side ? this.weight(active, index) : 0;
        const isHit = hits.some((hit) => hit.side === side && hit.index === index);
        back.setAttribute("fill", color(isHit && !active ? "hit" : active?.side === "columns" ? "key" : "accent"));
        const strength = isActive ? 0.35 : isHit && !active ? 1 : 0.6 * Math.sqrt(weight);
        back.setAttribute("fill-opacity", strength.toFixed(3));
        number.textContent = weight >= 0.005 ? weight.toFixed(2) : "";
        const ends = side === "rows" ? [index, active?.index] : [active?.index, index];
        if (weight > 0) this.line(this.some, ...ends, weight);
      });
    }
  }

  /* The weight between a token and one of the other side. */
  weight(active, other) {
    const [row, column] = active.side === "rows" ? [active.index, other] : [other, active.index];
    return this.map[row * this.axes.columns.count + column];
  }

  reveal({ side, index }) {
    this.tokens[side][index].token.scrollIntoView({ block: "nearest" });
  }

  picture() {
    return this.svg.cloneNode(true);
  }
}
