/* The numbers of one token, the largest first. */

const MOST_NUMBERS = 12;

function showNumbers(panel, map, rows, columns, active) {
  panel.replaceChildren();
  if (!active) return;
  const looks = active.side === "rows";
  const other = looks ? columns : rows;
  const weights = other.texts.map((_, index) => {
    return looks ? map[active.index * columns.count + index] : map[index * columns.count + active.index];
  });
  const order = weights.map((_, index) => index).filter((index) => weights[index] > 0);
  order.sort((one, two) => weights[two] - weights[one] || one - two);
  const heading = document.createElement("h2");
  const name = (looks ? rows : columns).texts[active.index];
  heading.textContent = looks ? `${name} looks at` : `${name} is looked at by`;
  const table = document.createElement("table");
  const shown = order.slice(0, MOST_NUMBERS);
  if (active.other >= 0 && !shown.includes(active.other)) shown.push(active.other);
  for (const index of shown) addNumber(table, other.texts[index], weights[index], index);
  if (looks) {
    const rest = Math.max(0, 1 - shown.reduce((sum, index) => sum + weights[index], 0));
    if (rest >= 0.0005) addNumber(table, "all others", rest).className = "rest";
  }
  panel.append(heading, table);
}

function addNumber(table, text, weight, index) {
  const row = table.insertRow();
  if (index !== undefined) row.dataset.index = index;
  row.insertCell().textContent = text;
  row.insertCell().textContent = weight.toFixed(3);
  return row;
}
