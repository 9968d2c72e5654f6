// What a page of another origin can do with a form whose action and fields it knows: forms and calls, which the page
// that loads this defines.

// body gives a form's fields as a browser encodes them by default: a type that needs no preflight.
const body = ({ fields }) => new URLSearchParams(fields);
const plain = (form) => new Blob([body(form)], { type: "text/plain" });

// build makes the form again on this page, or in another document.
function build({ action, fields }, document = window.document) {
  const el = document.createElement("form");
  el.method = "post";
  el.action = action;
  for (const [name, value] of fields) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    el.append(field);
  }
  document.body.append(el);
  return el;
}

// frame gives a frame of the page; loaded resolves each time that something was loaded into it, a refusal too.
function frame(sandbox) {
  const el = document.createElement("iframe");
  el.name = "frame" + document.querySelectorAll("iframe").length;
  if (sandbox) el.sandbox = sandbox;
  document.body.append(el);
  return { el, loaded: () => new Promise((done) => el.addEventListener("load", done, { once: true })) };
}

// behindTheBack sends every form and every call in the ways that leave the page where it is, waits until each has been
// answered or refused, and gives how many were sent.
async function behindTheBack() {
  let sent = 0;
  const settle = async (request) => { sent++; try { await request; } catch { /* no answer may be read: it arrived */ } };
  const all = [];
  for (const form of forms) {
    for (const extra of [{}, { credentials: "include" }, { referrerPolicy: "no-referrer" }, { referrerPolicy: "unsafe-url" }, { keepalive: true }]) {
      all.push(settle(fetch(form.action, { method: "POST", mode: "no-cors", body: body(form), ...extra })));
    }
    all.push(settle(fetch(form.action, { method: "POST", mode: "cors", body: body(form) })));
    all.push(settle(fetch(form.action, { method: "POST", mode: "no-cors", body: plain(form) })));
    all.push(settle(fetch("/onward?to=" + encodeURIComponent(form.action), { method: "POST", mode: "no-cors", body: body(form) })));
    all.push(settle(new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.onloadend = done;
      request.send(body(form));
    })));
    if (navigator.sendBeacon(form.action, body(form))) sent++;
    if (navigator.sendBeacon(form.action, plain(form))) sent++;
    for (const sandbox of ["", "allow-forms allow-scripts", "allow-forms allow-scripts allow-same-origin"]) {
      const { el, loaded } = frame(sandbox);
      const target = build(form);
      target.target = el.name;
      const answered = loaded();
      target.submit();
      all.push(settle(answered));
    }
  }
  for (const { url, allowed } of calls) {
    for (const mode of allowed ? ["no-cors"] : ["no-cors", "cors"]) all.push(settle(fetch(url, { mode, credentials: "include" })));
    for (const [kind, attribute] of [["img", "src"], ["script", "src"], ["link", "href"], ["iframe", "src"], ["object", "data"]]) {
      all.push(settle(new Promise((done) => {
        const el = document.createElement(kind);
        if (kind === "link") el.rel = "stylesheet";
        el.onload = el.onerror = done;
        el[attribute] = url;
        document.body.append(el);
      })));
    }
  }
  await Promise.all(all);
  return sent;
}

// openly sends one form in a way that the person would see. The page that it leads to is then this tab's, except where
// it opens another or sits in a frame.
function openly(i, way) {
  const form = forms[i];
  const el = build(way === "onward" ? { ...form, action: "/onward?to=" + encodeURIComponent(form.action) } : form);
  switch (way) {
    case "popup": {
      const popup = window.open("about:blank", "popup");
      el.target = "popup";
      el.submit();
      return new Promise((done) => {
        const look = setInterval(() => {
          let there = popup.closed; // to us it is, once a page with a policy of its own is in it
          try { there ||= popup.location.href !== "about:blank"; } catch { there = true; }
          if (there) { clearInterval(look); done(true); }
        }, 10);
      });
    }
    case "sandbox": { // its origin is "null"
      const frame = document.createElement("iframe");
      let loads = 0; // the frame's own page, then the answer
      frame.sandbox = "allow-forms allow-scripts";
      frame.srcdoc = `<body>${el.outerHTML}<script>onload = () => setTimeout(() => document.forms[0].submit())</script>`;
      return new Promise((done) => {
        frame.onload = () => { if (++loads === 2) done(true); };
        document.body.append(frame);
      });
    }
    case "without a referrer": {
      const meta = document.createElement("meta");
      Object.assign(meta, { name: "referrer", content: "no-referrer" });
      document.head.append(meta);
    }
  }
  setTimeout(() => el.submit());
  return true;
}

// leave goes to a URL, as a link would.
function leave(url) {
  setTimeout(() => { location.href = url; });
  return true;
}
