// The sliders of the chapter "economics": the same formula as economics() in evaluation/_economics.py.
const HOURS_A_MONTH = 730;

function economics(ways, { seconds, machine_hour, price, volume, training, error_cost }) {
  const worth = Object.fromEntries(
    Object.entries(ways).map(([name, way]) => [name, way.earned - error_cost * way.errors - way.people]),
  );
  const others = ["no_model", "always_yes", "people"].filter((name) => name in worth);
  const best = others.length ? Math.max(...others.map((name) => worth[name])) : null;
  const gain = best === null ? null : worth.product - best;
  const standing = machine_hour === null ? null : machine_hour * HOURS_A_MONTH;
  const capacity = seconds ? (3600 * HOURS_A_MONTH) / seconds : Infinity;
  const earns = price > 0 ? price : gain;
  const machines = volume === null ? null : Math.max(1, Math.ceil(volume / capacity));
  const kept = machines === null || standing === null ? null : machines * standing;
  const revenue = volume === null ? null : price * volume;
  const profit = revenue === null || kept === null ? null : revenue - kept;
  const used = volume === null || gain === null ? null : volume * (gain - price);
  const left = price > 0 ? profit : used === null || kept === null ? null : used - kept;
  const pays = earns !== null && standing !== null && earns > 0 && earns * capacity >= standing;
  return {
    value_per_1000: ways.product ? worth.product * 1000 : null,
    gain_per_1000: gain === null ? null : gain * 1000,
    cost_per_1000: kept === null ? null : (kept / volume) * 1000,
    profit_per_month: price > 0 ? profit : null,
    margin: revenue && profit !== null ? profit / revenue : null,
    gain_per_month: price > 0 ? used : left,
    break_even_volume: pays ? standing / earns : null,
    payback_months: left === null || left <= 0 ? null : training / left,
  };
}

function amount(value) {
  const size = Math.abs(value);
  if (size && (size < 1e-4 || size >= 1e12)) return value.toPrecision(3);
  const decimals = size ? Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(size)))) : 0;
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function said(value, style, [sign, name]) {
  if (value === null || !Number.isFinite(value)) return ["–", "–"];
  const [minus, size] = [value < 0 ? "−" : "", Math.abs(value)];
  if (style === "money") return [`${minus}${sign}${amount(size)}`, `${minus}${amount(size)}\u00a0${name}`];
  if (style === "share") return [`${minus}${(100 * size).toFixed(1)}\u00a0%`, `${minus}${(100 * size).toFixed(1)}%`];
  return [minus + amount(size), minus + amount(size)];
}

for (const box of document.querySelectorAll("[data-economics]")) {
  const { ways, start, signs } = JSON.parse(box.dataset.economics);
  const sliders = [...box.querySelectorAll("input")];
  const spoken = ([english, chinese]) => {
    if (english === chinese) return [english];
    return [["en", english], ["zh", chinese]].map(([lang, text]) => {
      const part = document.createElement("span");
      part.lang = lang;
      part.textContent = text;
      return part;
    });
  };
  const draw = () => {
    const chosen = { ...start };
    for (const slider of sliders) {
      const at = Number(slider.value);
      chosen[slider.name] = slider.dataset.scale === "log" ? start[slider.name] * 10 ** at : at;
      const style = slider.dataset.style;
      slider.parentElement.querySelector("output").replaceChildren(...spoken(said(chosen[slider.name], style, signs)));
    }
    const found = economics(ways, chosen);
    for (const cell of box.querySelectorAll("[data-of]"))
      cell.replaceChildren(...spoken(said(found[cell.dataset.of], cell.dataset.style, signs)));
  };
  box.querySelector("form").hidden = false;
  box.addEventListener("input", draw);
  box.querySelector("button").addEventListener("click", (event) => {
    event.preventDefault();
    box.querySelector("form").reset();
    draw();
  });
}
