/* Tokens that hold a text. */

class Search {
  constructor() {
    this.hits = []; // of {side, index}
    this.place = -1;
  }

  /* Looks a text up in the names of both sides. */
  run(text, rows, columns) {
    const wanted = text.trim().toLowerCase();
    this.hits = [];
    this.place = -1;
    if (!wanted) return;
    for (const [side, axis] of [["rows", rows], ["columns", columns]]) {
      axis.texts.forEach((name, index) => {
        if (name.toLowerCase().includes(wanted)) this.hits.push({ side, index });
      });
    }
  }

  /* The next hit, or with -1 the one before; null where there is none. */
  step(by) {
    if (!this.hits.length) return null;
    this.place = this.place < 0 ? (by > 0 ? 0 : this.hits.length - 1)
      : (this.place + by + this.hits.length) % this.hits.length;
    return this.hits[this.place];
  }

  get said() {
    return this.place < 0 ? `${this.hits.length} found` : `${this.place + 1} of ${this.hits.length}`;
  }
}
