// The browser of completions: search, filters, a list, and one completion with its group.

const OUTCOMES = ["pass", "fail", "void"];
const PAGE = matchMedia("(max-width: 900px)").matches ? 12 : 50;
const CLEAR = { search: "", run: "", step: "", split: "", outcome: "", reason: "", sort: "newest" };
const SORTS = {
  newest: ["latest step first", (a, b) => b.step - a.step || (a.split < b.split) - (a.split > b.split)],
  order: ["as sampled", null],
  best: ["highest reward", (a, b) => b.reward - a.reward],
  worst: ["lowest reward", (a, b) => a.reward - b.reward],
  pushed: ["highest advantage", (a, b) => b.advantage - a.advantage],
  pulled: ["lowest advantage", (a, b) => a.advantage - b.advantage],
  longest: ["longest", (a, b) => b.tokens - a.tokens],
  shortest: ["shortest", (a, b) => a.tokens - b.tokens],
  slowest: ["slowest to judge", (a, b) => b.seconds - a.seconds],
};
const SPLITS = { train: "training", held_out: "held-out" };
// What cannot be seen (control, format and bidi characters, lone surrogates, fillers) stands there as its code point.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0e\u{e0100}-\u{e01ef}]/gu;

function visible(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match[0] === "\n" || match[0] === "\t") continue;
    parts.push(text.slice(from, match.index));
    const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.push(h("span", { class: "unseen", title: "a character that cannot be seen" }, `U+${code}`));
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

// One line for a list: white space folded, cut short before anything is drawn.
function line(text, most = 160) {
  const folded = text.slice(0, 4 * most).replace(/\s+/g, " ").trim();
  return visible(folded.length > most ? `${folded.slice(0, most)}…` : folded);
}

// A completion with its extracted answer marked where it last stands.
function marked(text, answer) {
  const place = answer ? text.lastIndexOf(answer) : -1;
  if (place < 0) return visible(text);
  const end = place + answer.length;
  return [...visible(text.slice(0, place)), h("mark", {}, visible(answer)), ...visible(text.slice(end))];
}

function readRows(data) {
  const { columns, rows, tasks } = data.rollouts;
  const groups = new Map();
  const read = rows.map((values, place) => {
    const row = Object.fromEntries(columns.map((name, index) => [name, values[index]]));
    row.task = tasks[row.task];
    row.place = place;
    row.text = String(row.text ?? "");
    row.key = `${row.run}/${row.split}/${row.step}/${row.group}`;
    if (!groups.has(row.key)) groups.set(row.key, []);
    groups.get(row.key).push(row);
    return row;
  });
  return { rows: read, groups };
}

function haystack(row) {
  row.hay ??= `${row.text}\n${row.answer ?? ""}\n${row.task.id}\n${row.task.prompt}\n${row.task.truth}\n${row.task.policy}\n${row.reason}`.toLowerCase();
  return row.hay;
}

function outcomeBadge(outcome) {
  return h("span", { class: `badge ${OUTCOMES.includes(outcome) ? outcome : "quiet"}` }, line(String(outcome).toUpperCase(), 12));
}

function openBrowser(place, data) {
  const { rows, groups } = readRows(data);
  const many = data.runs.length > 1;
  const state = { ...CLEAR };
  const filters = {
    run: (row) => String(row.run) === state.run,
    step: (row) => String(row.step) === state.step,
    split: (row) => row.split === state.split,
    outcome: (row) => row.outcome === state.outcome,
    reason: (row) => row.reason === state.reason,
    search: (row) => haystack(row).includes(state.search),
  };
  let found = [];
  let limit = PAGE;
  let selected = null;
  let whole = false;

  const search = h("input", { type: "search", placeholder: "Search prompts, completions, answers", "aria-label": "Search", autocomplete: "off", spellcheck: "false" });
  const selects = {};
  const select = (name, label) => {
    selects[name] = h("select", { "aria-label": label, onchange: () => { state[name] = selects[name].value; update(); } });
    return h("label", { class: "pick" }, h("span", {}, label), selects[name]);
  };
  const outcomes = h("div", { class: "outcomes", role: "group", "aria-label": "Outcome" });
  const count = h("p", { class: "count", role: "status" });
  const list = h("div", { class: "list", role: "list", "aria-label": "Completions" });
  const more = h("button", { type: "button", class: "more", onclick: () => { limit += 4 * PAGE; drawList(); } });
  const detail = h("article", { class: "detail", "aria-label": "One completion", tabindex: "-1" });
  const reset = h("button", { type: "button", class: "plain", onclick: () => clear() }, "Reset");

  place.append(
    h("div", { class: "filters" },
      search, outcomes,
      h("div", { class: "picks" }, many ? select("run", "Run") : null, select("split", "Split"), select("step", "Step"), select("reason", "Reason"), select("sort", "Sort"), reset)),
    count,
    h("div", { class: "panes" }, h("div", { class: "left" }, list, more), detail),
  );
  fill(selects.sort, Object.entries(SORTS).map(([name, [label]]) => [name, label]), CLEAR.sort);

  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => { state.search = search.value.trim().toLowerCase(); update(); }, 120);
  });

  function fill(element, options, value) {
    element.replaceChildren(...options.map(([name, label]) => h("option", { value: name, selected: name === value }, line(label, 60))));
    element.value = value;
  }

  // Rows that pass every filter but `without`: what a filter would leave if it were changed.
  function passing(without) {
    const active = Object.entries(filters).filter(([name]) => name !== without && state[name] !== "");
    return rows.filter((row) => active.every(([, test]) => test(row)));
  }

  function facet(name, label = (value) => value, compare = undefined) {
    const counts = new Map();
    for (const row of passing(name)) counts.set(String(row[name]), (counts.get(String(row[name])) || 0) + 1);
    if (state[name] !== "" && !counts.has(state[name])) counts.set(state[name], 0);
    const values = [...counts.keys()].sort(compare);
    fill(selects[name], [["", "all"], ...values.map((value) => [value, `${label(value)} (${counts.get(value)})`])], state[name]);
  }

  function update() {
    if (many) facet("run", (value) => data.runs[Number(value)], (a, b) => a - b);
    facet("split", (value) => SPLITS[value] || value);
    facet("step", (value) => value, (a, b) => a - b);
    facet("reason", (value) => value.replaceAll("_", " "));
    const pool = passing("outcome");
    outcomes.replaceChildren(...["", ...OUTCOMES].map((name) => {
      const n = name === "" ? pool.length : pool.filter((row) => row.outcome === name).length;
      return h("button", { type: "button", class: name || "all", "aria-pressed": String(state.outcome === name), onclick: () => { state.outcome = name; update(); } },
        name === "" ? "All" : name.toUpperCase(), " ", h("span", {}, n.toLocaleString("en")));
    }));
    found = passing("");
    const compare = SORTS[state.sort][1];
    if (compare) found = [...found].sort(compare);
    limit = PAGE;
    reset.hidden = Object.entries(state).every(([name, value]) => value === CLEAR[name]);
    count.textContent = found.length === rows.length ? `${rows.length.toLocaleString("en")} completions`
      : `${found.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} completions`;
    drawList();
    if (!found.includes(selected)) choose(found[0] ?? null);
  }

  function clear() {
    Object.assign(state, CLEAR);
    search.value = "";
    selects.sort.value = CLEAR.sort;
    update();
  }

  function drawList() {
    if (found.length === 0) list.replaceChildren(h("p", { class: "nothing" }, "No completion fits these filters."));
    else list.replaceChildren(...found.slice(0, limit).map(entry));
    more.hidden = found.length <= limit;
    more.textContent = `Show more (${(found.length - limit).toLocaleString("en")} left)`;
  }

  function entry(row) {
    return h("div", { role: "listitem" }, h("button", {
      type: "button", class: "entry", "data-place": row.place, "aria-current": row === selected ? "true" : null,
      onclick: () => { place.classList.add("reading"); choose(row); },
    },
    outcomeBadge(row.outcome),
    h("span", { class: "reply" }, row.answer === null ? h("i", {}, row.reason.replaceAll("_", " ")) : h("bdi", {}, line(row.answer, 40)),
      h("span", { class: "truth" }, " truth ", h("bdi", {}, line(row.task.truth, 40)))),
    h("span", { class: "pay" }, number(row.reward, 2)),
    h("span", { class: `adv ${row.advantage > 0 ? "up" : row.advantage < 0 ? "down" : ""}` }, row.split === "train" ? signed(row.advantage, 2) : row.sample < 0 ? "greedy" : ""),
    h("span", { class: "preview" }, h("span", { class: "when" }, `${many ? `${data.runs[row.run]} · ` : ""}step ${row.step} · `), h("bdi", {}, line(row.text)))));
  }

  function choose(row) {
    selected = row;
    detail.scrollTop = 0;
    for (const button of list.querySelectorAll(".entry")) {
      if (row && Number(button.dataset.place) === row.place) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    drawDetail();
  }

  function move(by) {
    const next = found[Math.min(found.length - 1, Math.max(0, found.indexOf(selected) + by))];
    if (!next) return;
    while (found.indexOf(next) >= limit) { limit += PAGE; drawList(); }
    choose(next);
    const button = list.querySelector('.entry[aria-current="true"]');
    button?.scrollIntoView({ block: "nearest" });
    if (document.activeElement?.classList.contains("entry")) button?.focus({ preventScroll: true });
  }

  function drawDetail() {
    if (!selected) {
      detail.replaceChildren(h("p", { class: "nothing" }, "No completion is chosen."));
      return;
    }
    const row = selected;
    const group = groups.get(row.key);
    const position = found.indexOf(row);
    const prompt = h("pre", { class: "text prompt", dir: "auto", tabindex: "0" }, visible(row.task.prompt));
    detail.replaceChildren(
      h("div", { class: "top" }, outcomeBadge(row.outcome), h("b", {}, row.reason.replaceAll("_", " ")),
        h("span", { class: "where" }, `${SPLITS[row.split] || row.split}, step ${row.step}`, many ? `, ${data.runs[row.run]}` : ""),
        h("span", { class: "turn" }, h("button", { type: "button", "aria-label": "Previous completion", disabled: position <= 0, onclick: () => move(-1) }, "↑"),
          h("button", { type: "button", "aria-label": "Next completion", disabled: position < 0 || position >= found.length - 1, onclick: () => move(1) }, "↓"),
          h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => close() }, "✕"))),
      h("div", { class: "sides" },
        h("div", { class: `side ${row.outcome}` }, h("span", { class: "label" }, "Extracted answer"), row.answer === null ? h("i", {}, "none") : h("bdi", { class: "value" }, visible(row.answer))),
        h("div", { class: "side" }, h("span", { class: "label" }, "Truth"), h("bdi", { class: "value" }, visible(row.task.truth)), row.task.policy ? h("bdi", { class: "policy" }, visible(row.task.policy)) : null)),
      h("div", { class: "pays" }, pays(row).map(([name, value, note]) => h("div", {}, h("span", { class: "label" }, name), h("b", {}, value), note ? h("span", { class: "note" }, note) : null))),
      h("h4", {}, "Prompt"), prompt,
      h("h4", {}, "Completion"), h("pre", { class: "text", dir: "auto", tabindex: "0" }, marked(row.text, row.answer)),
      groupView(group, row),
      h("h4", {}, "About this completion"), facts(row),
    );
    prompt.scrollTop = prompt.scrollHeight; // its last lines are the question; examples come before
  }

  // What it earned, of which parts, and what that was worth to the gradient.
  function pays(row) {
    const parts = Object.entries(row.parts || {});
    const made = parts.length > 1 ? parts.map(([name, value]) => [...line(name, 30), ` ${number(value, 2)}`]).flat() : null;
    const cut = row.finish === "length" ? "cut at the limit" : null;
    return [
      ["Reward", number(row.reward, 3), made],
      ["Advantage", row.split === "train" ? signed(row.advantage, 3) : "–", row.split === "train" ? null : "an evaluation"],
      ["Tokens", String(row.tokens), cut],
    ];
  }

  function facts(row) {
    const parts = Object.entries(row.parts || {});
    const evidence = row.evidence && Object.keys(row.evidence).length > 0 ? JSON.stringify(row.evidence) : null;
    const rows = [
      ["task", row.task.id], ["judged by", row.verifier],
      ...parts.map(([name, value]) => [`reward: ${name}`, number(value, 3)]),
      ["finish", row.finish], ["policy version", row.policy], ["judged in", row.seconds === null ? "–" : `${number(row.seconds * 1000, 2)} ms`], ["seed", row.seed],
      ...(evidence ? [["evidence", evidence]] : []),
    ];
    return h("dl", { class: "facts" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, line(name, 60)), h("dd", {}, h("bdi", {}, visible(String(value)))))));
  }

  function groupView(group, row) {
    const most = Math.max(...group.map((each) => Math.abs(each.advantage || 0)), 1e-9);
    const passes = group.filter((each) => each.outcome === "pass").length;
    const toggle = h("button", { type: "button", class: "plain", "aria-pressed": String(whole), onclick: () => { whole = !whole; drawDetail(); } }, whole ? "Fold the texts" : "Show all texts");
    return h("section", { class: "group", "aria-label": "The group" },
      h("div", { class: "title" }, h("h4", {}, `The group: ${group.length} samples of this task, ${passes} right`), toggle),
      group.map((each) => h("div", { class: "member" },
        h("button", { type: "button", class: "pick-member", "aria-current": each === row ? "true" : null, onclick: () => choose(each) },
          h("span", { class: "sample" }, each.sample < 0 ? "greedy" : `#${each.sample + 1}`), outcomeBadge(each.outcome),
          h("span", { class: "reply" }, each.answer === null ? h("i", {}, each.reason.replaceAll("_", " ")) : h("bdi", {}, line(each.answer, 40)), h("bdi", { class: "glimpse" }, line(each.text, 80))),
          each.split === "train" ? advantageBar(each.advantage, most) : h("span", { class: "bar-cell" }),
          h("span", { class: "pay" }, number(each.reward, 2))),
        whole ? h("pre", { class: "text", dir: "auto" }, marked(each.text, each.answer)) : null)));
  }

  function advantageBar(value, most) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "bar-cell");
    svg.setAttribute("height", "16");
    const share = 34 * Math.abs(value) / most;
    const parts = [
      ["line", { class: "zero", x1: "50%", x2: "50%", y1: 1, y2: 15 }],
      ["rect", { class: value > 0 ? "up" : "down", x: `${value > 0 ? 50 : 50 - share}%`, width: `${share}%`, y: 4, height: 8, rx: 1.5 }],
    ];
    for (const [tag, attributes] of parts) {
      const shape = document.createElementNS(SVG, tag);
      for (const [name, given] of Object.entries(attributes)) shape.setAttribute(name, given);
      svg.append(shape);
    }
    return h("span", { class: "bar-wrap", title: `advantage ${signed(value, 3)}` }, svg, h("span", {}, signed(value, 2)));
  }

  function close() {
    place.classList.remove("reading");
    list.querySelector('.entry[aria-current="true"]')?.focus();
  }

  document.addEventListener("assay:step", (event) => {
    if (!rows.some((row) => row.step === event.detail)) return;
    clear();
    state.step = String(event.detail);
    update();
    place.closest("section").scrollIntoView();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement?.tagName);
    if (event.key === "Escape" && place.classList.contains("reading")) close();
    else if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); }
    else if (place.contains(document.activeElement) && !typing) {
      const down = event.key === "j" || event.key === "ArrowDown";
      const up = event.key === "k" || event.key === "ArrowUp";
      if (!down && !up) return;
      if (event.key.startsWith("Arrow") && !document.activeElement.classList.contains("entry")) return;
      event.preventDefault();
      move(down ? 1 : -1);
    }
  });
  update();
}
