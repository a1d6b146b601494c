/* What is seen, as a file: a picture that stands alone, or the numbers. */

function save(text, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function saveSvg(picture, name) {
  const paper = svg("rect", { width: "100%", height: "100%", fill: color("paper") });
  picture.prepend(paper);
  picture.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  save(new XMLSerializer().serializeToString(picture), "image/svg+xml", name);
}

/* The map of a head as it is shown. */
function saveJson(state, map, rows, columns, name) {
  const weights = rows.texts.map((_, row) => {
    return Array.from(map.subarray(row * columns.count, (row + 1) * columns.count));
  });
  const found = {
    title: about.title,
    model: about.model,
    kind: about.kinds[state.kind].kind,
    layer: state.layer,
    head: state.head === MEAN ? "mean" : state.head,
    words: state.words,
    exact: about.exact,
    least: about.least,
    queries: rows.texts,
    keys: columns.texts,
    weights,
  };
  save(JSON.stringify(found), "application/json", name);
}
