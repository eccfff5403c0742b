// Generated pictures, large, and a way to keep them.

const WORDS = {
  en: { save: "Save the picture" },
  zh: { save: "保存图片" },
};

export function draw(answer, { about, language, element }) {
  const source = `data:image/png;base64,${answer[about.target.name]}`;
  const picture = element("img", { src: source, class: "generated", alt: about.target.name });
  picture.addEventListener("load", () => picture.classList.toggle("tiny", picture.naturalWidth <= 96));
  const link = element("a", { href: source, download: `${about.target.name}.png` });
  link.textContent = WORDS[language].save;
  return [element("div", { class: "said" }, picture), element("p", { class: "sure" }, link)];
}
