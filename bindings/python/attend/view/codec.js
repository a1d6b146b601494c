/* The maps of a layer, read from the page: what _pack.py wrote. */

const about = JSON.parse(document.getElementById("about").textContent);

/* One layer: for each head and query the keys that it looks at, with their weights. */
class Layer {
  constructor(bytes, heads, queries, exact) {
    const rows = heads * queries;
    this.heads = heads;
    this.queries = queries;
    const starts = new Uint32Array(rows + 1); // of each row in keys and values
    for (let row = 0; row < rows; row++) starts[row + 1] = starts[row] + bytes[row] + 256 * bytes[rows + row];
    const kept = starts[rows];
    const low = 2 * rows;
    const high = low + kept;
    const keys = new Uint16Array(kept);
    for (let row = 0; row < rows; row++) {
      let key = -1;
      for (let place = starts[row]; place < starts[row + 1]; place++) {
        key += 1 + bytes[low + place] + 256 * bytes[high + place];
        keys[place] = key;
      }
    }
    this.starts = starts;
    this.keys = keys;
    const values = bytes.slice(high + kept);
    this.values = exact ? new Float32Array(values.buffer) : values;
    this.weights = exact ? null : Layer.rounded;
  }

  /* The weight at a place of `keys`. */
  weight(place) {
    const value = this.values[place];
    return this.weights ? this.weights[value] : value;
  }
}

/* What a byte of a page in 8 bits means. */
Layer.rounded = Float32Array.from({ length: 256 }, (_, value) => (value / 255) ** 2);

async function inflated(text) {
  const letters = atob(text);
  const packed = new Uint8Array(letters.length);
  for (let place = 0; place < packed.length; place++) packed[place] = letters.charCodeAt(place);
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  Promise.all([writer.write(packed), writer.close()]).catch(() => {}); // what fails is heard of by the reader
  return new Uint8Array(await new Response(stream.readable).arrayBuffer());
}

const layers = new Map();

/* Layer `index` of a kind; it is read when it is first asked for. */
function layerOf(kind, index) {
  const id = `maps-${kind.kind}-${index}`;
  if (!layers.has(id)) {
    const block = document.getElementById(id);
    const read = inflated(block.textContent).then(
      (bytes) => new Layer(bytes, kind.heads[index], kind.queries.texts.length, about.exact));
    block.remove(); // the text is not needed a second time
    layers.set(id, read);
  }
  return layers.get(id);
}
