// Boxes: drawn over the picture that was sent, with how many there are of each label.
const WORDS = {
  en: { none: "Nothing was found in this picture.", at: "{label}, {chance} sure", all: "{count} found" },
  zh: { none: "这张图片里什么也没有找到。", at: "{label}，把握 {chance}", all: "共找到 {count} 个" },
};

const SVG = "http://www.w3.org/2000/svg";

function drawn(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

export function draw(answer, { about, language, pictures, element, share }) {
  const words = WORDS[language] ?? WORDS.en;
  const boxes = answer[about.target.name];
  const color = (label) => about.colors[about.classes.indexOf(label)];
  const { width, height } = answer.picture;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" });
  svg.setAttribute("aria-label", boxes.map((box) => box.label).join(", "));
  for (const box of boxes) {
    const rect = drawn("rect", { x: box.x, y: box.y, width: box.width, height: box.height, stroke: color(box.label), class: "box" });
    const title = drawn("title", {});
    title.textContent = words.at.replace("{label}", box.label).replace("{chance}", share(box.confidence));
    rect.append(title);
    svg.append(rect);
  }
  const photo = pictures.get(about.given[0].name);
  const stage = element("div", { class: "stage" });
  if (photo) stage.append(element("img", { src: photo, alt: "" }));
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.append(svg);
  const total = element("p", { class: "sure" });
  total.textContent = boxes.length ? words.all.replace("{count}", boxes.length) : words.none;
  const list = element("ul", { class: "legend" });
  const known = Object.entries(answer.counts).filter(([, count]) => count);
  for (const [label, count] of known.sort((one, other) => other[1] - one[1])) {
    const swatch = element("i", { "aria-hidden": "true" });
    swatch.style.background = color(label);
    const [name, amount] = [element("span"), element("b")];
    name.textContent = label;
    amount.textContent = count.toLocaleString(document.documentElement.lang);
    const line = element("li", {}, swatch, name, amount);
    const others = [...svg.querySelectorAll("rect")].filter((_, index) => boxes[index].label !== label);
    line.addEventListener("mouseenter", () => others.forEach((rect) => rect.classList.add("dim")));
    line.addEventListener("mouseleave", () => others.forEach((rect) => rect.classList.remove("dim")));
    list.append(line);
  }
  return [stage, list, total];
}
