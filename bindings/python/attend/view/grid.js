/* The model: a small map of each head, a row for each layer. */

const GAP = 3;
const LABEL = 30;

class Grid {
  /* `open(layer, head)` is called for a head that is clicked. */
  constructor(stage, kind, rows, columns, open) {
    this.kind = kind;
    this.axes = [rows, columns];
    this.cells = [];
    this.scale = colorScale();
    const most = Math.max(...kind.heads);
    this.size = Math.max(18, Math.min(72, Math.floor((stage.clientWidth - 28 - LABEL) / most) - GAP));
    const holder = document.createElement("div");
    holder.className = "grid";
    kind.heads.forEach((heads, layer) => holder.append(this.row(layer, heads)));
    holder.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (cell) open(Number(cell.dataset.layer), Number(cell.dataset.head));
    });
    stage.replaceChildren(holder);
    this.drawn = new Promise((done) => this.watch(holder, done));
  }

  row(layer, heads) {
    const row = document.createElement("div");
    row.className = "layer";
    row.dataset.layer = layer;
    const label = document.createElement("span");
    label.textContent = layer;
    row.append(label);
    this.cells.push([]);
    for (let head = 0; head < heads; head++) {
      const cell = document.createElement("button");
      cell.type = "button";
      cell.className = "cell";
      cell.tabIndex = -1;
      cell.id = `cell-${layer}-${head}`;
      cell.style.width = cell.style.height = `${this.size}px`;
      Object.assign(cell.dataset, { layer, head });
      const entropy = this.kind.entropy[layer][head];
      cell.title = `layer ${layer}, head ${head}: entropy ${entropy.toFixed(2)} nats`;
      cell.setAttribute("aria-label", cell.title);
      cell.append(document.createElement("canvas"));
      this.cells[layer].push(cell);
      row.append(cell);
    }
    return row;
  }

  /* Draws a layer when it comes into sight; `done` is called when those in sight at first are drawn. */
  watch(holder, done) {
    const seen = new IntersectionObserver(async (entries) => {
      const visible = entries.filter((entry) => entry.isIntersecting);
      for (const { target } of visible) seen.unobserve(target);
      await Promise.all(visible.map(({ target }) => this.draw(Number(target.dataset.layer))));
      done();
    }, { rootMargin: "100px" });
    for (const row of holder.children) seen.observe(row);
  }

  async draw(layer) {
    const maps = await layerOf(this.kind, layer);
    const pixels = Math.min(64, Math.ceil(this.size * Math.min(2, devicePixelRatio)));
    this.cells[layer].forEach((cell, head) => {
      const { weights, width, height } = this.small(maps, head, pixels);
      paint(cell.firstChild, weights, width, height, this.scale);
    });
  }

  /* A map in at most so many pixels each way: the largest weight of each. */
  small(maps, head, pixels) {
    const [rows, columns] = this.axes;
    const width = Math.min(columns.count, pixels);
    const height = Math.min(rows.count, pixels);
    const weights = new Float32Array(width * height);
    eachWeight(maps, head, rows, columns, (row, column, weight) => {
      const place = Math.floor((row * height) / rows.count) * width + Math.floor((column * width) / columns.count);
      if (weight > weights[place]) weights[place] = weight;
    });
    return { weights, width, height };
  }

  /* Marks the head that the keys have reached. */
  mark(layer, head) {
    for (const cell of document.querySelectorAll('.cell[aria-current="true"]')) cell.removeAttribute("aria-current");
    const cell = this.cells[layer][Math.max(0, head)];
    cell.setAttribute("aria-current", "true");
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
    return cell.id;
  }

  /* All heads as one picture. */
  async picture() {
    const step = this.size + GAP;
    const width = LABEL + step * Math.max(...this.kind.heads);
    const height = step * this.cells.length;
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, ...fonts() });
    for (let layer = 0; layer < this.cells.length; layer++) {
      await this.draw(layer);
      svg("text", { x: LABEL - 6, y: layer * step + this.size / 2 + 4, "text-anchor": "end", fill: color("faint") },
        picture, layer);
      this.cells[layer].forEach((cell, head) => {
        const place = { x: LABEL + head * step, y: layer * step, width: this.size, height: this.size };
        svg("image", { ...place, href: cell.firstChild.toDataURL(), preserveAspectRatio: "none",
          style: "image-rendering: pixelated" }, picture);
        svg("rect", { ...place, fill: "none", stroke: color("edge") }, picture);
      });
    }
    return picture;
  }
}

function fonts() {
  return { "font-family": "system-ui, sans-serif", "font-size": 13 };
}
