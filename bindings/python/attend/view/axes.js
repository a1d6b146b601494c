/* What is shown of a map: tokens or words, with the special ones or without. */

const MEAN = -1; // in place of a head: the mean of all

/* One side of a map. */
class Axis {
  constructor(side, words, special) {
    const count = side.texts.length;
    const names = words ? side.wordTexts : side.texts;
    const pieces = new Float32Array(names.length);
    this.texts = []; // of what is shown
    this.special = [];
    this.place = new Int32Array(count).fill(-1); // of each token among what is shown; -1: it is hidden
    this.share = new Float32Array(count); // of each token in the mean over its word
    const shown = new Int32Array(names.length).fill(-1);
    for (let token = 0; token < count; token++) {
      const name = words ? side.words[token] : token;
      pieces[name] += 1;
      if (!special && side.special[token]) continue;
      if (shown[name] < 0) {
        shown[name] = this.texts.length;
        this.texts.push(names[name]);
        this.special.push(Boolean(side.special[token]));
      }
      this.place[token] = shown[name];
    }
    for (let token = 0; token < count; token++) this.share[token] = 1 / pieces[words ? side.words[token] : token];
  }

  get count() {
    return this.texts.length;
  }
}

/* Calls `take(row, column, weight)` for each weight of a head that is shown. A word looks as the mean of its pieces. */
function eachWeight(layer, head, rows, columns, take) {
  const first = head === MEAN ? 0 : head;
  const last = head === MEAN ? layer.heads : head + 1;
  for (let own = first; own < last; own++) {
    for (let query = 0; query < layer.queries; query++) {
      const row = rows.place[query];
      if (row < 0) continue;
      const share = rows.share[query] / (last - first);
      const end = layer.starts[own * layer.queries + query + 1];
      for (let place = layer.starts[own * layer.queries + query]; place < end; place++) {
        const column = columns.place[layer.keys[place]];
        if (column >= 0) take(row, column, share * layer.weight(place));
      }
    }
  }
}

/* The map of a head as it is shown, [rows, columns]: a word is looked at with the sum of its pieces. */
function shownMap(layer, head, rows, columns) {
  const map = new Float32Array(rows.count * columns.count);
  eachWeight(layer, head, rows, columns, (row, column, weight) => {
    map[row * columns.count + column] += weight;
  });
  return map;
}
