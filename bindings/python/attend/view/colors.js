/* Colours of the theme, for pictures and for SVG that stands alone. */

const root = document.documentElement;
const darkens = matchMedia("(prefers-color-scheme: dark)");
root.dataset.theme = darkens.matches ? "dark" : "light";

function color(name) {
  return getComputedStyle(root).getPropertyValue(`--${name}`).trim();
}

/* From paper to accent in 256 steps, as numbers for a canvas: 0xAABBGGRR. */
function colorScale() {
  const ends = ["paper", "accent"].map((name) => {
    const value = parseInt(color(name).slice(1), 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  });
  return Uint32Array.from({ length: 256 }, (_, step) => {
    const [red, green, blue] = [0, 1, 2].map((part) => {
      return Math.round(ends[0][part] + ((ends[1][part] - ends[0][part]) * step) / 255);
    });
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

/* Paints weights, [height, width], on a canvas of that size. The colour is the root of the weight, so that small ones
   can be told from none. */
function paint(canvas, weights, width, height, scale) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let place = 0; place < pixels.length; place++) {
    pixels[place] = scale[Math.min(255, Math.round(255 * Math.sqrt(weights[place])))];
  }
  context.putImageData(image, 0, 0);
}

/* An element of SVG. */
function svg(name, attributes, parent, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function shortened(text, most) {
  const letters = Array.from(text);
  return letters.length > most ? letters.slice(0, Math.max(1, most - 1)).join("") + "\u2026" : text;
}
