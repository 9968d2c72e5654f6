// The proof of work before a message to an address that gets very many: the number is looked for that, printed after the salt,
// hashes to the challenge (ALTCHA). Then the page goes on by itself.
"use strict";
(async () => {
  const form = document.getElementById("puzzle");
  if (!form?.dataset.challenge) return;
  document.documentElement.classList.add("js");
  const { algorithm, challenge, salt, signature, max } = form.dataset;
  const progress = document.getElementById("done");
  const needs = document.getElementById("needs");
  const wanted = Uint8Array.from(challenge.match(/../g), (pair) => parseInt(pair, 16));
  const text = new TextEncoder();
  const fits = async (number) => {
    const sum = new Uint8Array(await crypto.subtle.digest(algorithm, text.encode(salt + number)));
    return sum.every((byte, i) => byte === wanted[i]);
  };
  const find = async () => {
    const step = 1000;
    for (let from = 0; from <= max; from += step) {
      const fit = await Promise.all(Array.from({ length: step }, (_, i) => fits(from + i)));
      if (fit.includes(true)) return from + fit.indexOf(true);
      progress.value = from / max;
    }
    return -1;
  };
  try {
    const number = await find();
    if (number < 0) throw new Error("no number fits");
    form.elements.altcha.value = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
    progress.value = 1;
    form.requestSubmit ? form.requestSubmit() : form.submit();
  } catch { // a page without TLS has no crypto.subtle
    progress.hidden = true;
    needs.hidden = false;
  }
})();
