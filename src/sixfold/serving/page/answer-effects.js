// A choice: the arm, what is expected under each, its effect with an interval, and what speaks against relying on it.

const WORDS = {
  en: {
    expected: "Expected {outcome}",
    effect: "{arm} instead of {against}: {outcome}",
    between: "{value}, between {low} and {high} with 95% confidence",
    alone: "{value}",
    to_raise: "chosen to raise {outcome}",
    to_lower: "chosen to lower {outcome}",
    one_for_all:
      "No effect that differs between rows could be learned: this is the average effect, and the same choice for everyone.",
    seldom:
      "Rows like this one seldom got this choice, or the other: what it would do here is a guess from other rows. " +
      "Do not rely on it alone.",
    unsure: "The interval holds no effect at all: the data cannot tell which choice is better here.",
  },
  zh: {
    expected: "预计的 {outcome}",
    effect: "用 {arm} 而不用 {against}：{outcome}",
    between: "{value}，95% 的把握在 {low} 与 {high} 之间",
    alone: "{value}",
    to_raise: "目的是提高 {outcome}",
    to_lower: "目的是降低 {outcome}",
    one_for_all: "没有学出因行而异的效应：这里给出的是平均效应，对所有人的选择都相同。",
    seldom: "与此相似的行很少得到这种选择或另一种选择：在这里会怎样，只是由其他行推测的。请不要只凭它作决定。",
    unsure: "区间包含“毫无效应”：数据分不出在这里哪种选择更好。",
  },
};

export function draw(answer, { about, language, element, share, amount }) {
  const words = WORDS[language] ?? WORDS.en;
  const { name: outcome, kind, aim } = about.outcome;
  const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const isShare = kind === "yes_no";
  const told = (value) => (isShare ? share(value) : amount(value));
  const signed = (value) => {
    const points = Math.abs(value) * 100;
    const size = isShare ? (language === "zh" ? `${amount(points)} 个百分点` : `${amount(points)} points`) : amount(Math.abs(value));
    return `${value < 0 ? "−" : "+"}${size}`;
  };
  const text = (tag, content, attributes = {}) => {
    const node = element(tag, attributes);
    node.textContent = content;
    return node;
  };
  const chosen = String(answer[about.target.name]);
  const value = text("strong", chosen, { class: chosen.length > 14 ? "value long" : "value" });
  const said = element(
    "div",
    { class: "said" },
    text("span", about.target.name, { class: "what" }),
    value,
    text("p", say(aim, { outcome }), { class: "sure" }),
  );
  const parts = [said];
  for (const doubt of answer.warnings) parts.push(text("p", say(doubt), { class: "doubt" }));
  for (const [arm, effect] of Object.entries(answer.effects)) {
    const head = text("p", say("effect", { arm, against: answer.against, outcome }));
    const ends = { value: signed(effect.value), low: signed(effect.low ?? 0), high: signed(effect.high ?? 0) };
    const number = text("p", say(effect.low === undefined ? "alone" : "between", ends), { class: "number" });
    parts.push(element("div", { class: "range" }, head, number, line(effect, element)));
  }
  const most = Math.max(...Object.values(answer.expected).map(Math.abs)) || 1;
  const list = element("ol", { class: "bars" });
  for (const [arm, expected] of Object.entries(answer.expected)) {
    const fill = element("span", { class: "fill" });
    fill.style.width = `${(100 * Math.max(0, expected)) / most}%`;
    const track = element("span", { class: "track", "aria-hidden": "true" }, fill);
    list.append(
      element("li", arm === chosen ? { class: "first" } : {}, text("span", arm), track, text("span", told(expected), { class: "share" })),
    );
  }
  parts.push(text("p", say("expected", { outcome }), { class: "expected" }), list);
  return parts;
}

// The effect and its interval on a line, with a mark where there is none.
function line({ value, low = value, high = value }, element) {
  const [left, right] = [Math.min(low, 0), Math.max(high, 0)];
  const place = (number) => 4 + (92 * (number - left)) / (right - left || 1);
  const span = (kind, from, to) => {
    const part = element("i", { class: kind });
    part.style.left = `${place(from)}%`;
    part.style.width = `${Math.max(0.6, place(to) - place(from))}%`;
    return part;
  };
  const dot = element("b");
  dot.style.left = `${place(value)}%`;
  return element("div", { class: "line", "aria-hidden": "true" }, span("band", low, high), span("nothing", 0, 0), dot);
}
