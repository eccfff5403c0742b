// Forecasts: the past that was sent, what comes next, and between what it lies in eight cases of ten.
"use strict";

const WORDS = {
  en: { step: "Step", said: "Forecast", between: "Between", figure: "The past, and the forecast with its interval" },
  zh: { step: "步", said: "预测", between: "区间", figure: "过去，以及带区间的预测" },
};
const [WIDTH, HEIGHT, PAD] = [640, 220, 8];
const PAST_SHOWN = 3;
const SVG = "http://www.w3.org/2000/svg";

export function draw(answer, { about, language, row, element, amount }) {
  const words = WORDS[language] ?? WORDS.en;
  const name = about.target.name;
  const past = about.given.find(({ widget }) => widget === "series");
  const before = channelsOf(row?.[past?.name]);
  const parts = [];
  for (const [channel, said] of Object.entries(channelsOf(answer[name]))) {
    const low = channelsOf(answer.interval.low)[channel];
    const high = channelsOf(answer.interval.high)[channel];
    const what = element("span", { class: "what" });
    what.textContent = channel === "" ? name : `${name} ${channel}`;
    const shown = (before[channel] ?? []).slice(-PAST_SHOWN * said.length);
    parts.push(element("div", { class: "said" }, what), fan(shown, said, low, high, words), table(said, low, high));
  }
  return parts;

  function table(said, low, high) {
    const head = element("tr", {}, ...[words.step, words.said, words.between].map((word) => cell("th", word)));
    const lines = said.map((value, step) =>
      element("tr", {}, cell("th", `${step + 1}`), cell("td", amount(value)), cell("td", `${amount(low[step])} – ${amount(high[step])}`)),
    );
    return element("div", { class: "scroll" }, element("table", { class: "steps" }, element("thead", {}, head), element("tbody", {}, ...lines)));
  }

  function cell(tag, text) {
    const made = element(tag, tag === "th" ? { scope: "row" } : {});
    made.textContent = text;
    return made;
  }
}

// [number, …], [[channel, …], …] or {channel: [number, …]} as {channel: [number, …]}; one channel without a name is "".
function channelsOf(value) {
  if (!value) return {};
  if (!Array.isArray(value)) return value;
  if (!Array.isArray(value[0])) return { "": value };
  return Object.fromEntries(value[0].map((_, channel) => [`${channel + 1}`, value.map((step) => step?.[channel] ?? null)]));
}

function fan(before, said, low, high, words) {
  const all = [...before, ...said, ...low, ...high].filter((value) => typeof value === "number");
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const steps = before.length + said.length;
  const x = (step) => PAD + ((WIDTH - 2 * PAD) * step) / Math.max(1, steps - 1);
  const y = (value) => HEIGHT - PAD - ((HEIGHT - 2 * PAD) * (value - least)) / (most - least || 1);
  const at = (value, step) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`;
  const places = (values, from) =>
    values.map((value, step) => [value, from + step]).filter(([value]) => typeof value === "number").map(([value, step]) => at(value, step));
  const picture = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "fan", role: "img", "aria-label": words.figure }))
    picture.setAttribute(key, value);
  const from = before.length;
  const band = [...places(high, from), ...places(low, from).reverse()];
  const joined = from ? [...places(before.slice(-1), from - 1), ...places(said, from)] : places(said, from);
  for (const [tag, kind, points] of [
    ["polygon", "band", band],
    ["polyline", "past", places(before, 0)],
    ["polyline", "ahead", joined],
  ]) {
    const line = document.createElementNS(SVG, tag);
    line.setAttribute("class", kind);
    line.setAttribute("points", points.join(" "));
    picture.append(line);
  }
  return picture;
}
