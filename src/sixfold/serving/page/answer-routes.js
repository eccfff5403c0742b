// A way over a map: drawn on it; a click on the map sets the start, the next one the goal.
const WORDS = {
  en: {
    length: "{length} cells long; the search looked at {expanded} nodes.",
    none: "There is no way between these two points.",
    start: "Click on the map to choose another start.",
    goal: "Now click on the goal.",
    map: "The map with the way",
  },
  zh: {
    length: "长 {length} 格；搜索查看了 {expanded} 个节点。",
    none: "这两点之间没有路。",
    start: "点击地图，可另选起点。",
    goal: "现在点击终点。",
    map: "地图和路线",
  },
};
const SVG = "http://www.w3.org/2000/svg";

export function draw(answer, { about, language, pictures, element, amount }) {
  const words = WORDS[language] ?? WORDS.en;
  const plan = about.given.findIndex((field) => field.kind === "image");
  const [start, goal] = about.given.map((field, index) => (field.kind === "point" ? index : -1)).filter((index) => index >= 0);
  const way = answer[about.target.name];
  const says = element("p", { class: "sure" });
  says.textContent = way
    ? words.length.replace("{length}", amount(answer.length)).replace("{expanded}", answer.expanded.toLocaleString(document.documentElement.lang))
    : words.none;
  const url = pictures.get(about.given[plan].name);
  if (!url) return [says];
  const hint = element("p", { class: "usual" });
  hint.textContent = words.start;
  const stage = element("div", { class: "stage" });
  const image = element("img", { src: url, alt: words.map });
  stage.append(image);
  image.addEventListener("load", () => {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const over = document.createElementNS(SVG, "svg");
    over.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const thick = Math.max(width, height) / 130;
    if (way) {
      over.append(shape("polyline", { points: way.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" "), class: "way", "stroke-width": thick }));
      for (const [x, y] of [way[0], way[way.length - 1]]) over.append(dot(x, y, thick));
    }
    stage.append(over);
    let first = null;
    over.addEventListener("click", (event) => {
      const box = over.getBoundingClientRect();
      const x = Math.min(width - 1, Math.floor(((event.clientX - box.left) / box.width) * width));
      const y = Math.min(height - 1, Math.floor(((event.clientY - box.top) / box.height) * height));
      if (!first) {
        first = [x, y];
        over.replaceChildren(dot(x, y, thick));
        hint.textContent = words.goal;
        fill(start, first);
        return;
      }
      over.append(dot(x, y, thick));
      fill(goal, [x, y]);
      document.getElementById("given").requestSubmit();
    });
  });
  return [says, stage, hint];
}

function fill(index, [x, y]) {
  const input = document.getElementById(`field-${index}`);
  input.value = `${x},${y}`;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function dot(x, y, thick) {
  return shape("circle", { cx: x + 0.5, cy: y + 0.5, r: 1.8 * thick, class: "end" });
}

function shape(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
