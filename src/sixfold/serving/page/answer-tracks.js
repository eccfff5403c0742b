// Paths of agents, seen from above: where one came from, where it may go and how likely, and those nearby.
"use strict";

const WORDS = {
  en: { figure: "The past, those nearby, the path and what else may come", chance: "Chance", ends: "Ends at", likeliest: "The likeliest futures" },
  zh: { figure: "过去、邻近者、预测路径与其他可能", chance: "概率", ends: "终点", likeliest: "最可能的未来" },
};
const [SIDE, PAD, LISTED] = [420, 14, 5];
const SVG = "http://www.w3.org/2000/svg";

export function draw(answer, { about, language, row, element, amount, share }) {
  const words = WORDS[language] ?? WORDS.en;
  const name = about.target.name;
  const past = plane(row?.[about.given.find(({ widget }) => widget === "series")?.name]);
  const others = Object.entries(row ?? {}).map(([, value]) => nearby(value)).find((paths) => paths.length) ?? [];
  const what = element("span", { class: "what" });
  what.textContent = name;
  const title = element("p", { class: "what" });
  title.textContent = words.likeliest;
  return [element("div", { class: "said" }, what), map(past, plane(answer[name]), answer.futures, others, words), title, table()];

  function table() {
    const head = element("tr", {}, cell("th", ""), cell("th", words.chance), cell("th", words.ends));
    const lines = answer.futures.slice(0, LISTED).map(({ path, chance }, place) => {
      const end = path[path.length - 1].map((value) => amount(value)).join(", ");
      return element("tr", {}, cell("th", `${place + 1}`), cell("td", share(chance)), cell("td", end));
    });
    return element("div", { class: "scroll" }, element("table", { class: "steps" }, element("thead", {}, head), element("tbody", {}, ...lines)));
  }

  function cell(tag, text) {
    const made = element(tag, tag === "th" ? { scope: "row" } : {});
    made.textContent = text;
    return made;
  }
}

// The first two coordinates of every step that is known.
function plane(path) {
  if (!Array.isArray(path)) return [];
  return path.filter((step) => Array.isArray(step) && step.length > 1 && step.every((value) => typeof value === "number")).map(([x, y]) => [x, y]);
}

// Those nearby come as text or as lists of paths.
function nearby(value) {
  let paths = value;
  if (typeof value === "string") {
    try {
      paths = JSON.parse(value);
    } catch {
      return [];
    }
  }
  const isPaths = Array.isArray(paths) && paths.some((path) => Array.isArray(path) && path.some((step) => Array.isArray(step)));
  return isPaths ? paths.map(plane).filter((path) => path.length) : [];
}

function map(past, said, futures, others, words) {
  const own = [...past, ...said, ...futures.flatMap(({ path }) => plane(path))];
  const [left, right] = [Math.min(...own.map(([x]) => x)), Math.max(...own.map(([x]) => x))];
  const [low, high] = [Math.min(...own.map(([, y]) => y)), Math.max(...own.map(([, y]) => y))];
  const reach = Math.max(right - left, high - low) * 0.58 || 1;
  const place = ([x, y]) => {
    const [across, up] = [(x - (left + right) / 2) / reach, (y - (low + high) / 2) / reach];
    return `${(SIDE / 2 + across * (SIDE / 2 - PAD)).toFixed(1)},${(SIDE / 2 - up * (SIDE / 2 - PAD)).toFixed(1)}`;
  };
  const picture = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${SIDE} ${SIDE}`, class: "fan tracks", role: "img", "aria-label": words.figure }))
    picture.setAttribute(key, value);
  const here = past.slice(-1);
  const most = Math.max(...futures.map(({ chance }) => chance), 1e-9);
  const line = (kind, places, strength) => {
    const drawn = document.createElementNS(SVG, "polyline");
    drawn.setAttribute("class", kind);
    drawn.setAttribute("points", places.map(place).join(" "));
    if (strength !== undefined) drawn.setAttribute("opacity", strength.toFixed(2));
    picture.append(drawn);
  };
  for (const path of others) line("other", path);
  for (const { path, chance } of futures) line("future", [...here, ...plane(path)], 0.1 + (0.5 * chance) / most);
  line("past", past);
  line("ahead", [...here, ...said]);
  return picture;
}
