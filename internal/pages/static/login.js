// The hosted login page with less to do. The page is whole without this: each form is posted by the browser itself, and the
// server decides. Nothing here is kept but the address, and that only if its owner asks for it.
"use strict";
(() => {
  const form = document.getElementById("login");
  if (!form) return;
  const $ = (id) => document.getElementById(id);
  const data = form.dataset;
  document.documentElement.classList.add("js");

  // ascii gives the digits of any script as 0 to 9: those of one script follow each other.
  const digit = /\p{Nd}/u;
  const ascii = (text) => text.replace(/\p{Nd}/gu, (c) => {
    const at = c.codePointAt(0);
    let n = 0;
    while (n < 9 && digit.test(String.fromCodePoint(at - n - 1))) n++;
    return n;
  }).replace("＋", "+");

  // The memory of this browser for a project; where storage is forbidden there is none.
  const key = "latchkey:address:" + data.project;
  const stored = (storage, value) => {
    try {
      const s = window[storage];
      if (value === undefined) return s.getItem(key) ?? "";
      if (value) s.setItem(key, value); else s.removeItem(key);
    } catch { /* no memory */ }
    return "";
  };

  // One form at a time is on its way; what waits on the page ends with it, and begins anew if the page is come back to.
  let sending = false;
  let waits = null; // AbortController
  const begin = [], before = []; // what a page does when it is (again) at work, and before a form leaves it
  const work = () => {
    sending = false;
    form.classList.remove("busy");
    waits?.abort();
    waits = new AbortController();
    begin.forEach((f) => f(waits.signal));
  };
  form.addEventListener("submit", (e) => {
    if (sending) return e.preventDefault();
    sending = true;
    form.classList.add("busy");
    before.forEach((f) => f(e.submitter?.value ?? data.step));
    waits?.abort();
    setTimeout(() => { if (sending) work(); }, 15_000); // it never got through, or its person stopped it
  });
  addEventListener("pagehide", () => waits?.abort());
  addEventListener("pageshow", (e) => { if (e.persisted) work(); });
  const submit = (button) => form.requestSubmit ? form.requestSubmit(button) : button.click();

  if (data.step === "address") address(); else if ($("code")) code();
  work();

  // The first page: which of the two it is, and of which country.
  function address() {
    const field = $("address"), remember = $("remember"), forget = $("forget");
    const how = $("how"), region = $("region");
    const kept = stored("localStorage");
    if (!field.value) field.value = kept;
    remember.checked = kept !== "" && field.value === kept;
    forget.hidden = !remember.checked;
    field.setSelectionRange(field.value.length, field.value.length); // what stands there is gone on with, or corrected
    forget.addEventListener("click", () => {
      stored("localStorage", "");
      field.value = "";
      remember.checked = false;
      forget.hidden = true;
      field.focus();
      look();
    });
    before.push(() => { // the address is kept when a code shows that it is theirs
      stored("sessionStorage", remember.checked ? "yes" : "");
      if (!remember.checked && field.value === kept) stored("localStorage", "");
    });
    if (!how) return;

    let codes = null; // calling code → its countries, the main one first
    const choices = () => {
      if (codes) return;
      codes = new Map(region.dataset.regions.split(",").map((g) => g.split(" ")).map(([c, ...ids]) => [c, ids]));
      const lang = document.documentElement.lang;
      const names = window.Intl?.DisplayNames && new Intl.DisplayNames([lang], { type: "region" });
      const all = [...codes].flatMap(([c, ids]) => ids.map((id) => ({ id, c, name: names?.of(id) ?? id })));
      all.sort((a, b) => a.name.localeCompare(b.name, lang));
      region.append(new Option("+", ""), ...all.map((o) => new Option(o.name + " \u2066+" + o.c + "\u2069", o.id)));
      region.value = here([...codes.values()].flat());
    };
    // here is the country of the browser: of its languages the one whose clocks show its time, or the country whose do.
    const here = (all) => {
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      const within = (id) => {
        const place = new Intl.Locale("und", { region: id });
        return (place.getTimeZones?.() ?? place.timeZones ?? []).includes(zone);
      };
      const said = navigator.languages.map((l) => new Intl.Locale(l).region).filter((id) => all.includes(id));
      return region.dataset.chosen || said.find(within) || all.find(within) || said[0] || region.dataset.guess;
    };
    // A number with its calling code: [what stands for the plus, the calling code].
    const abroad = (text) => {
      const [, plus, digits] = ascii(text).match(/^\s*(\+|00)\s*(\d*)/) ?? [];
      return plus && [3, 2, 1].map((n) => digits.slice(0, n)).filter((c) => codes.has(c)).map((c) => [plus, c])[0];
    };
    const look = () => {
      const text = field.value.trim();
      const phone = /^[+＋]?[\p{Nd}\s()./\p{Pd}]*$/u.test(text) && (text.match(/\p{Nd}/gu) ?? []).length > 2;
      const say = phone ? how.dataset.phone : text.includes("@") ? how.dataset.email : "";
      if (how.textContent !== say) how.textContent = say;
      region.hidden = !phone;
      if (!phone) return;
      choices();
      const [, c] = abroad(text) ?? [];
      if (c && !codes.get(c).includes(region.value)) region.value = codes.get(c)[0];
    };
    field.addEventListener("input", () => {
      forget.hidden = true;
      look();
    });
    region.addEventListener("change", () => {
      region.dataset.chosen = region.value;
      const [, c] = abroad(field.value) ?? [];
      const to = [...codes].find(([, ids]) => ids.includes(region.value))?.[0];
      if (c && to) field.value = "+" + to + " " + ascii(field.value).replace(/^\s*(\+|00)\s*/, "").slice(c.length).trim();
    });
    look();
  }

  // The second page: the code, from wherever it comes first.
  function code() {
    const field = $("code"), enter = $("enter"), again = $("again");
    const boxes = [...field.parentElement.querySelectorAll("i")];
    const whole = boxes.length;
    let tried = field.value; // a code is tried by itself once
    let over = false;

    const mark = () => {
      const at = Math.min(field.selectionStart ?? field.value.length, whole - 1);
      boxes.forEach((b, i) => b.classList.toggle("at", i === at));
    };
    const pure = (text) => ascii(text).replace(/\D/g, "");
    const change = () => {
      const caret = pure(field.value.slice(0, field.selectionStart ?? field.value.length)).length;
      const digits = pure(field.value).slice(0, whole);
      if (digits !== field.value) {
        field.value = digits;
        field.setSelectionRange(caret, caret);
      }
      field.removeAttribute("aria-invalid");
      mark();
      if (digits.length === whole && digits !== tried && !sending) {
        tried = digits;
        submit(enter);
      }
    };
    const take = (digits) => {
      field.value = digits;
      change();
    };
    field.removeAttribute("maxlength"); // it would cut what is pasted before it is read
    field.parentElement.classList.add("live");
    field.addEventListener("input", (e) => { if (!e.isComposing) change(); });
    field.addEventListener("compositionend", change);
    field.addEventListener("paste", (e) => { // a whole message will do
      const text = ascii(e.clipboardData?.getData("text") ?? "");
      const found = pure(text).length === whole ? pure(text) : text.match(new RegExp("\\b\\d{" + whole + "}\\b"))?.[0];
      if (!found) return;
      e.preventDefault();
      take(found);
    });
    for (const event of ["focus", "keyup", "click"]) field.addEventListener(event, mark);
    document.addEventListener("selectionchange", mark);
    mark();
    before.push((step) => {
      if (step === "code" && stored("sessionStorage")) stored("localStorage", data.address);
    });

    // Time: the server said how much is left; from then on both clocks count, since one of them may stand still in sleep.
    const start = [Date.now(), performance.now()];
    const since = () => Math.max(Date.now() - start[0], performance.now() - start[1]);
    const left = (seconds) => Math.ceil(seconds - since() / 1000);
    const clock = (n) => "\u2068" + Math.floor(n / 60) + ":" + String(n % 60).padStart(2, "0") + "\u2069";
    const label = again.textContent;
    let timer = 0;
    const tick = () => {
      clearTimeout(timer);
      const life = left(data.left), pause = left(data.pause);
      if (life <= 0) return end();
      $("left").textContent = $("left").dataset.text.replace("{{time}}", clock(life));
      again.disabled = pause > 0;
      again.textContent = pause > 0 ? again.dataset.text.replace("{{time}}", clock(pause)) : label;
      timer = setTimeout(tick, 1000 - since() % 1000);
    };
    const end = () => {
      if (over || sending) return;
      over = true;
      waits.abort();
      const focus = form.contains(document.activeElement);
      for (const id of ["entry", "enter", "match", "link", "again", "alert", "said"]) if ($(id)) $(id).hidden = true;
      $("gone").hidden = $("new").hidden = false;
      if (focus) $("new").focus();
    };

    // The code in an SMS, where the browser hands it over (WebOTP).
    begin.push((signal) => {
      tick();
      if (over || !("OTPCredential" in window) || data.phone === undefined) return;
      navigator.credentials.get({ otp: { transport: ["sms"] }, signal }).then((got) => got?.code && take(pure(got.code)), () => {});
    });

    // The link in the message, opened anywhere: the server holds the question until it is, and then says the code.
    const ask = async (signal) => {
      let pause = 1000;
      while (!signal.aborted && !over) {
        const asked = performance.now();
        try {
          const body = new URLSearchParams({ request: form.elements.request.value });
          const answer = await fetch(new URL("wait", form.action), { method: "POST", body, signal, credentials: "same-origin", cache: "no-store" });
          if (answer.status === 200) {
            const { code: digits } = await answer.json();
            if (signal.aborted) return;
            $("link").textContent = $("link").dataset.opened;
            return take(digits);
          }
          if (answer.status < 500 && answer.status !== 204 && answer.status !== 429) return; // this page is not waited with
          if (answer.status === 204) pause = 1000;
        } catch {
          if (signal.aborted) return;
        }
        if (performance.now() - asked < 5000) { // held it was not: something is short, or on its way down
          await new Promise((done) => setTimeout(done, pause));
          pause = Math.min(pause * 2, 30_000);
        }
      }
    };
    let poll = null;
    const wait = () => {
      poll?.abort();
      poll = new AbortController();
      ask(poll.signal);
    };
    begin.push((signal) => {
      if (over) return;
      signal.addEventListener("abort", () => poll.abort());
      wait();
    });
    document.addEventListener("visibilitychange", () => { // phones freeze a page that is not seen, and its questions with it
      if (document.hidden || over) return;
      tick();
      if (!over && !sending) wait();
    });
  }
})();
