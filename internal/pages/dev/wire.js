// What both demonstrations share: one request, listed on the page, and what PKCE needs.
export const $ = (id) => document.getElementById(id);

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

// challenge is the S256 of a verifier (RFC 7636 §4.2).
export const challenge = async (verifier) => base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));

// request does one request, lists it, and gives the JSON, or throws the words of the error: the envelope's or RFC 6749's.
export async function request(method, target, { query, body, form, bearer, signal } = {}) {
  $("no-calls").hidden = true;
  const line = document.createElement("li");
  const what = document.createElement("span");
  const status = document.createElement("span");
  what.textContent = method + " " + target.replace(location.origin, "");
  status.textContent = "…";
  status.className = "wait";
  line.append(what, status);
  $("calls").prepend(line);
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (form) headers["Content-Type"] = "application/x-www-form-urlencoded";
  if (bearer) headers.Authorization = "Bearer " + bearer;
  let answer;
  try {
    answer = await fetch(target + (query ? "?" + new URLSearchParams(query) : ""), {
      method, headers, signal, body: body ? JSON.stringify(body) : form ? new URLSearchParams(form) : undefined,
    });
  } catch (err) {
    status.textContent = signal?.aborted ? "dropped" : "no answer";
    throw signal?.aborted ? err : new Error("The server does not answer. Is it still running?");
  }
  status.textContent = answer.status;
  status.className = answer.ok ? "ok" : answer.status === 408 ? "wait" : "no";
  const text = await answer.text();
  const json = text ? JSON.parse(text) : null;
  if (answer.ok) return json;
  const envelope = typeof json?.error === "object" ? json.error : null;
  const e = new Error(envelope?.details?.message || envelope?.description || json?.error_description || json?.error || "Status " + answer.status);
  e.status = answer.status;
  e.code = envelope?.code ?? json?.error;
  throw e;
}

export function alertIn(id, err) {
  $(id).textContent = err ? err.message : "";
  $(id).hidden = !err;
}
