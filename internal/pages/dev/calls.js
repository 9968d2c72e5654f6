// The demo: a client of the published calls and of nothing else. It does what an SDK in a game or on a web page does.
import { decode, fromHex, verify } from "/demo/token.js";
import { $, alertIn, challenge, random, request } from "/demo/wire.js";

const { project, client, callback } = document.body.dataset;

// What is needed again when a login comes back by a redirect lives in this tab only.
const kept = {
  get verifier() { return sessionStorage.getItem("verifier"); },
  set verifier(v) { sessionStorage.setItem("verifier", v); },
  get state() { return sessionStorage.getItem("state"); },
  set state(v) { sessionStorage.setItem("state", v); },
};

let login = null;     // the login under way: channel, protocol, address, operation
let poll = null;      // the AbortController of the held poll
let tokens = null;    // what it ended with: access, refresh

function show(section) {
  for (const id of ["start", "code", "landed", "failed", "in"]) $(id).hidden = id !== section;
}

const call = (method, path, options) => request(method, "/api" + path, options);

async function start(again) {
  const { channel, protocol, address } = login;
  const query = protocol === "jwt"
    ? { projectId: project, login_url: callback }
    : { client_id: client, redirect_uri: callback, response_type: "code", scope: "offline openid email phone" };
  if (protocol === "oauth2") {
    kept.verifier = random();
    kept.state = random();
    Object.assign(query, { state: kept.state, code_challenge: await challenge(kept.verifier), code_challenge_method: "S256" });
  }
  const body = channel === "email" ? { email: address } : { phone_number: address };
  body.send_link = $("send-link").checked;
  if (body.send_link) body.link_url = callback;
  // The PKCE challenge belongs to the operation, so an OAuth 2.0 login that is sent again starts anew.
  if (again && protocol === "jwt") body.operation_id = login.operation;
  const path = (protocol === "oauth2" ? "/oauth2" : "") + "/login/" + channel + "/request";
  const { operation_id, match_number } = await call("POST", path, { query, body });
  login.operation = operation_id;
  $("match").hidden = !match_number || !body.send_link;
  $("match-number").textContent = match_number ?? "";
}

// wait holds GET /otc/code until the link is pressed, as the SDKs do: again and again.
async function wait() {
  poll?.abort();
  const mine = poll = new AbortController();
  const until = Date.now() + 180_000;
  const query = { projectId: project, login: login.address, operation_id: login.operation };
  while (!mine.signal.aborted && Date.now() < until) {
    try {
      const { code } = await call("GET", "/otc/code", { query, signal: mine.signal });
      $("otp").value = code;
      return confirm();
    } catch (err) {
      if (mine.signal.aborted) return;
      if (err.status !== 408) await new Promise((done) => setTimeout(done, 3000));
    }
  }
}

let confirming = false;
async function confirm() {
  const code = $("otp").value.replace(/\s/g, "");
  if (!code || confirming) return;
  confirming = true;
  alertIn("code-error");
  $("otp").removeAttribute("aria-invalid");
  const { channel, protocol, address, operation } = login;
  const body = { code, operation_id: operation, [channel === "email" ? "email" : "phone_number"]: address };
  const path = (protocol === "oauth2" ? "/oauth2" : "") + "/login/" + channel + "/confirm";
  try {
    const query = protocol === "jwt" ? { projectId: project } : { client_id: client };
    const { login_url } = await call("POST", path, { query, body });
    poll?.abort();
    await arrive(new URL(login_url).searchParams);
  } catch (err) {
    alertIn("code-error", err);
    $("otp").setAttribute("aria-invalid", "true");
    $("otp").select();
  } finally {
    confirming = false;
  }
}

// arrive ends a login with what the callback URL carries: a token, or a code to redeem.
async function arrive(params) {
  if (params.get("token")) {
    tokens = { access: params.get("token"), refresh: "" };
  } else {
    if (params.get("state") !== kept.state) throw new Error("The answer carries another state than this tab asked with.");
    tokens = await exchange({
      grant_type: "authorization_code", code: params.get("code"), redirect_uri: callback, code_verifier: kept.verifier,
    });
  }
  await signedIn();
}

async function exchange(form) {
  const t = await call("POST", "/oauth2/token", { form: { client_id: client, ...form } });
  return { access: t.access_token, refresh: t.refresh_token };
}

async function signedIn() {
  const { header, claims } = decode(tokens.access);
  show("in");
  $("token").hidden = false;
  $("ids").hidden = true;
  $("who").textContent = claims.email || claims.phone_number || claims.sub;
  $("how").textContent = claims.client_id ? "OAuth 2.0" : "JWT";
  $("refresh").hidden = !tokens.refresh;
  $("claims").textContent = JSON.stringify(claims, null, 2);
  $("header").textContent = JSON.stringify(header, null, 2);
  $("raw").textContent = tokens.access;
  try {
    const keys = await call("GET", `/projects/${project}/keys`);
    verdict(await verify(tokens.access, keys.map(fromHex)), "good");
  } catch (err) {
    verdict("Not verified: " + err.message, "bad");
  }
}

function verdict(text, kind) {
  $("verdict").textContent = text;
  $("verdict").className = "alert " + kind;
}

// spot fits the address field to the channel.
function spot() {
  const phone = $("start-form").elements.channel.value === "phone";
  $("address-label").textContent = phone ? "Phone number" : "Email address";
  Object.assign($("address"), phone
    ? { type: "tel", name: "tel", autocomplete: "tel", inputMode: "tel", placeholder: "+1 202 555 0123" }
    : { type: "email", name: "email", autocomplete: "email", inputMode: "email", placeholder: "player@example.test" });
}

$("start-form").addEventListener("change", spot);
$("start-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const { channel, protocol } = Object.fromEntries(new FormData(e.target));
  const typed = $("address").value.trim();
  login = { channel, protocol, address: channel === "phone" ? typed.replace(/[\s().-]/g, "") : typed };
  alertIn("start-error");
  const button = e.submitter ?? e.target.querySelector("button");
  button.disabled = true;
  try {
    await start(false);
    $("sent-to").textContent = typed;
    $("inbox-link").href = "/dev/inbox?" + new URLSearchParams({ to: login.address });
    $("waiting").hidden = !$("send-link").checked;
    alertIn("code-error");
    $("otp").value = "";
    show("code");
    $("otp").focus();
    wait();
    fromSMS();
  } catch (err) {
    alertIn("start-error", err);
    $("address").focus();
  } finally {
    button.disabled = false;
  }
});

// fromSMS takes the code out of an origin-bound message where the browser can (WebOTP).
async function fromSMS() {
  if (!("OTPCredential" in window) || login.channel !== "phone") return;
  try {
    const otp = await navigator.credentials.get({ otp: { transport: ["sms"] }, signal: poll.signal });
    $("otp").value = otp.code;
    confirm();
  } catch { /* the person types it */ }
}

$("code-form").addEventListener("submit", (e) => { e.preventDefault(); confirm(); });
$("otp").addEventListener("input", () => {
  if ($("otp").value.replace(/\s/g, "").length === 6) confirm();
});
$("resend").addEventListener("click", async () => {
  try {
    await start(true);
    alertIn("code-error");
    wait();
  } catch (err) {
    alertIn("code-error", err);
  }
});
$("other").addEventListener("click", () => { poll?.abort(); show("start"); $("address").focus(); });
$("copy").addEventListener("click", () => navigator.clipboard.writeText(tokens.access));
$("me").addEventListener("click", async () => {
  $("me-answer").hidden = false;
  try {
    $("me-answer").textContent = JSON.stringify(await call("GET", "/users/me", { bearer: tokens.access }), null, 2);
  } catch (err) {
    $("me-answer").textContent = `${err.status ?? ""} ${err.code ?? ""} ${err.message}`;
  }
});
$("refresh").addEventListener("click", async () => {
  try {
    tokens = await exchange({ grant_type: "refresh_token", refresh_token: tokens.refresh });
    await signedIn();
  } catch (err) {
    verdict(err.message, "bad");
  }
});
$("out").addEventListener("click", async () => {
  try {
    await call("GET", "/oauth2/logout", { query: { sessions: "all" }, bearer: tokens.access });
    verdict("Signed out: this token is dead now. Call /users/me to see.", "plain");
  } catch (err) {
    verdict(err.message, "bad");
  }
});

spot();
if (location.pathname === "/demo/callback") {
  const params = new URLSearchParams(location.search);
  history.replaceState(null, "", "/demo/callback"); // the token leaves the address bar and the history
  if (params.get("token") || params.get("code")) {
    arrive(params).catch((err) => { $("failure").textContent = err.message; show("failed"); });
  } else {
    show("landed");
  }
}
