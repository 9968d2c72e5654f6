// The inbox: what GET /dev/inbox/messages lists, kept current by /dev/inbox/events.
const $ = (id) => document.getElementById(id);
const only = new URLSearchParams(location.search).get("to");
const shown = new Set();
let first = true;

function card(m) {
  const el = $("message").content.cloneNode(true).firstElementChild;
  const find = (selector) => el.querySelector(selector);
  find(".channel").textContent = m.channel === "phone" ? "SMS" : "Email";
  find(".to").textContent = m.to;
  const sent = new Date(m.sent_at);
  find("time").textContent = sent.toLocaleTimeString();
  find("time").dateTime = m.sent_at;
  find(".subject").textContent = m.subject;
  find(".subject").hidden = !m.subject;
  find(".big").textContent = m.code;
  find(".copy").addEventListener("click", async (e) => {
    await navigator.clipboard.writeText(m.code);
    e.target.textContent = "Copied";
    setTimeout(() => { e.target.textContent = "Copy"; }, 1500);
  });
  if (m.link) find(".open").href = m.link; else find(".open").hidden = true;
  find(".text pre").textContent = m.text;
  if (m.html) {
    find(".html").addEventListener("toggle", (e) => {
      if (!e.target.open || e.target.querySelector("iframe")) return;
      const frame = document.createElement("iframe");
      frame.title = "The mail's HTML part";
      frame.sandbox = "allow-popups allow-popups-to-escape-sandbox";
      frame.src = "/dev/inbox/html?id=" + encodeURIComponent(m.id);
      e.target.append(frame);
    });
  } else {
    find(".html").remove();
    find(".text").open = true;
  }
  return el;
}

async function refresh() {
  const query = new URLSearchParams({ limit: "100" });
  if (only) query.set("to", only);
  const messages = await (await fetch("/dev/inbox/messages?" + query)).json();
  for (const m of messages.reverse()) {
    if (shown.has(m.id)) continue;
    shown.add(m.id);
    const el = card(m);
    if (!first) el.classList.add("fresh");
    $("list").prepend(el);
  }
  first = false;
  $("empty").hidden = shown.size > 0;
}

const events = new EventSource("/dev/inbox/events");
events.addEventListener("open", () => { $("state").textContent = "live" + (only ? ", " + only + " only" : ""); });
events.addEventListener("news", refresh);
events.addEventListener("error", () => { $("state").textContent = "the server is gone; trying again…"; });
