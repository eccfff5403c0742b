// A mask: laid over the picture that was sent, with a legend of the classes that it holds.
const WORDS = {
  en: { sure: "Sure of a pixel on average: {share}", strength: "Strength of the colours", legend: "Classes and their share of the picture" },
  zh: { sure: "平均每个像素的把握：{share}", strength: "颜色的浓淡", legend: "各类别及其在图片中的占比" },
};

export function draw(answer, { about, language, pictures, element, share }) {
  const words = WORDS[language] ?? WORDS.en;
  const photo = pictures.get(about.given[0].name);
  const mask = element("img", { class: "over", alt: about.target.name, src: `data:image/png;base64,${answer[about.target.name]}` });
  const stage = element("div", { class: "stage" }, ...(photo ? [element("img", { src: photo, alt: "" })] : []), mask);
  if (!photo) mask.classList.add("alone");
  const slider = element("input", { type: "range", min: "0", max: "100", value: "55", "aria-label": words.strength });
  const fade = () => {
    mask.style.opacity = photo ? slider.value / 100 : 1;
  };
  slider.addEventListener("input", fade);
  fade();
  const list = element("ul", { class: "legend", "aria-label": words.legend });
  for (const [name, part] of Object.entries(answer.shares).sort((one, other) => other[1] - one[1])) {
    const swatch = element("i", { "aria-hidden": "true" });
    swatch.style.background = about.colors[about.classes.indexOf(name)];
    const [label, amount] = [element("span"), element("b")];
    label.textContent = name;
    amount.textContent = share(part);
    list.append(element("li", {}, swatch, label, amount));
  }
  const sure = element("p", { class: "sure" });
  sure.textContent = words.sure.replace("{share}", share(answer.confidence));
  return [stage, ...(photo ? [slider] : []), list, sure];
}
