"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);

  const findings = all("article.finding");
  const cards = all("details.card");
  const texts = new Map([...findings, ...cards].map((each) => [each, each.textContent.toLowerCase()]));
  const severities = all("input[name=severity]");

  const set = (element, hidden) => element.toggleAttribute("data-hidden", hidden);

  function fade(isFaint) {
    for (const each of all(".picture [data-card]"))
      each.classList.toggle("dim", isFaint(each.dataset.card));
    for (const each of all(".picture [data-ends]"))
      each.classList.toggle("dim", each.dataset.ends.split(" ").some(isFaint));
  }

  function filter() {
    const words = one("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(severities.filter((each) => each.checked).map((each) => each.value));
    const everything = wanted.size === severities.length;
    const host = one("host")?.value ?? "";
    const fits = (element) =>
      (!host || element.dataset.host === host) &&
      words.every((word) => texts.get(element).includes(word));
    let shown = 0;
    for (const finding of findings) {
      const kept = wanted.has(finding.dataset.severity) && fits(finding);
      set(finding, !kept);
      shown += kept;
    }
    const faint = new Set();
    let left = 0;
    for (const card of cards) {
      const marks = card.dataset.severities.split(" ");
      const kept = (everything || marks.some((each) => wanted.has(each))) && fits(card);
      set(card, !kept);
      left += kept;
      if (!kept) faint.add(card.dataset.id);
    }
    fade((id) => faint.has(id));
    const narrowed = words.length > 0 || host || !everything;
    one("shown").textContent = narrowed
      ? `${shown} of ${findings.length} findings, ${left} of ${cards.length} containers`
      : "";
  }

  const dialog = one("card-dialog");

  function show(id) {
    const card = cards.find((each) => each.dataset.id === id);
    if (!card) return false;
    const copy = card.querySelector(".body").cloneNode(true);
    copy.removeAttribute("id");
    one("card-title").textContent = card.querySelector("summary h3").textContent;
    one("card-body").replaceChildren(copy);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    one("card-title").focus();
    return true;
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-card], [data-open], [data-close], #card-close, dialog a");
    if (event.target === dialog) dialog.close();
    if (!target) return;
    if (target.dataset.card && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      if (show(target.dataset.card)) event.preventDefault();
    } else if (target.dataset.open || target.dataset.close) {
      const list = one(target.dataset.open || target.dataset.close);
      for (const each of all("details", list)) each.open = Boolean(target.dataset.open);
    } else {
      dialog.close();
    }
  });

  function point(finding) {
    const ids = new Set(finding.dataset.nodes.split(" "));
    fade((id) => !ids.has(id));
    const first = all(".picture a").find((node) => ids.has(node.dataset.card));
    first?.scrollIntoView({ block: "center", inline: "center" });
    first?.focus({ preventScroll: true });
  }

  for (const finding of findings.filter((each) => each.dataset.nodes)) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "point";
    button.textContent = "Show in the picture";
    button.setAttribute("aria-describedby", `${finding.id}-title`);
    button.addEventListener("click", () => point(finding));
    finding.querySelector(".subject").append(button);
  }

  document.addEventListener("keydown", (event) => {
    // Escape ends what a finding points at; an open card is closed by the browser.
    if (event.key === "Escape" && !dialog.open) filter();
  });

  async function copy(button, text) {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }

  for (const block of all(".commands")) {
    const pre = block.querySelector("pre");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy: ${pre.getAttribute("aria-label")}`);
    button.addEventListener("click", () => copy(button, pre.textContent));
    block.classList.add("copyable");
    block.append(button);
  }

  addEventListener("beforeprint", () => {
    for (const each of all("details")) each.open = true;
  });

  for (const each of all("#filters, .actions")) each.hidden = false;
  one("filters").addEventListener("submit", (event) => event.preventDefault());
  one("filters").addEventListener("input", filter);
  // A browser that comes back to the page fills the fields in again.
  filter();
})();
