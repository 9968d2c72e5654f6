// The first page of latchkey dev: an app that signs people in on the hosted page, by OpenID Connect and nothing of ours.
import { decode, verify } from "/demo/token.js";
import { $, alertIn, challenge, random, request } from "/demo/wire.js";

const { issuer, client, home, redirect } = document.body.dataset;

let server = null; // what the issuer says of itself
let tokens = null; // what a login ended with: access, id, refresh

function show(section) {
  for (const id of ["start", "in", "failed"]) $(id).hidden = id !== section;
  $("television").hidden = section !== "start";
  $("app").hidden = section === "in";
}

function fail(err) {
  $("failure").textContent = err.message;
  show("failed");
}

// What is needed again when the login comes back lives in this tab only, by the state that comes back with it.
function keep(state, login) { sessionStorage.setItem("login " + state, JSON.stringify(login)); }
function take(state) {
  const kept = sessionStorage.getItem("login " + state);
  sessionStorage.removeItem("login " + state);
  return kept && JSON.parse(kept);
}

// link makes a whole authorization request of a link. Each has a state, a nonce and a verifier of its own.
async function link() {
  const login = { verifier: random(), nonce: random() };
  const state = random();
  keep(state, login);
  const query = new URLSearchParams({
    client_id: client, redirect_uri: redirect, response_type: "code", scope: $("scope").value, state, nonce: login.nonce,
    code_challenge: await challenge(login.verifier), code_challenge_method: "S256",
  });
  if ($("prompt").value) query.set("prompt", $("prompt").value);
  return server.authorization_endpoint + "?" + query;
}

async function relink() {
  const url = await link();
  $("begin").href = url;
  const { origin, pathname, searchParams } = new URL(url);
  $("url").textContent = [origin + pathname, ...[...searchParams].map(([name, value]) => name + "=" + value)].join("\n");
}

// arrive ends a login with what the address of this page carries.
async function arrive(params) {
  const login = take(params.get("state"));
  if (!login) throw new Error("This tab asked for no login with this state.");
  if (params.get("iss") !== issuer) throw new Error("The answer is another server's.");
  if (params.get("error")) throw new Error(params.get("error") + ": " + (params.get("error_description") ?? ""));
  tokens = await exchange({ grant_type: "authorization_code", code: params.get("code"), redirect_uri: redirect, code_verifier: login.verifier });
  await signedIn(login.nonce);
}

async function exchange(form) {
  const t = await request("POST", server.token_endpoint, { form: { client_id: client, ...form } });
  return { access: t.access_token, id: t.id_token, refresh: t.refresh_token };
}

// signedIn shows what came of a login. nonce is that of the request; the tokens of a television have none.
async function signedIn(nonce) {
  show("in");
  $("tokens").hidden = false;
  const access = decode(tokens.access);
  const id = tokens.id && decode(tokens.id);
  $("who").textContent = id?.claims.email || id?.claims.phone_number || access.claims.sub;
  $("id-claims").textContent = id ? JSON.stringify(id.claims, null, 2) : "There is none: the scope has no openid.";
  $("access-claims").textContent = JSON.stringify(access.claims, null, 2);
  $("headers").textContent = (id ? "ID token      " + JSON.stringify(id.header) + "\n" : "") + "Access token  " + JSON.stringify(access.header);
  $("raw").textContent = tokens.access;
  $("refresh").hidden = !tokens.refresh;
  $("again").href = await link();
  $("out").href = server.end_session_endpoint + "?" + new URLSearchParams({
    client_id: client, post_logout_redirect_uri: home, ...(tokens.id && { id_token_hint: tokens.id }),
  });
  try {
    const { keys } = await request("GET", server.jwks_uri);
    const said = await verify(tokens.id ?? tokens.access, keys);
    if (id && (id.claims.iss !== issuer || !id.claims.aud.includes(client) || nonce && id.claims.nonce !== nonce)) {
      throw new Error("issuer, audience or nonce is another.");
    }
    verdict(said + (nonce && id ? "; issuer, audience and nonce are right." : "."), "good");
  } catch (err) {
    verdict("Not verified: " + err.message, "bad");
  }
}

function verdict(text, kind) {
  $("verdict").textContent = text;
  $("verdict").className = "alert " + kind;
}

async function ask(target) {
  $("answer").hidden = false;
  try {
    $("answer").textContent = JSON.stringify(await request("GET", target, { bearer: tokens.access }), null, 2);
  } catch (err) {
    $("answer").textContent = `${err.status ?? ""} ${err.code ?? ""} ${err.message}`;
  }
}

// television asks for a code to show, and then whether its person has typed it, no more often than it was told (RFC 8628).
async function television() {
  const device = await request("POST", server.device_authorization_endpoint, { form: { client_id: client, scope: $("scope").value } });
  $("tv-start").hidden = true;
  $("tv-shows").hidden = false;
  $("tv-code").textContent = device.user_code;
  $("tv-page").textContent = $("tv-page").href = device.verification_uri;
  $("tv-complete").href = device.verification_uri_complete;
  for (let wait = device.interval ?? 5; ;) {
    await new Promise((done) => setTimeout(done, wait * 1000));
    try {
      tokens = await exchange({ grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: device.device_code });
      return signedIn();
    } catch (err) {
      if (err.code === "slow_down") wait += 5;
      else if (err.code !== "authorization_pending") throw err;
    }
  }
}

$("userinfo").addEventListener("click", () => ask(server.userinfo_endpoint));
$("me").addEventListener("click", () => ask("/api/users/me"));
$("refresh").addEventListener("click", async () => {
  try {
    const fresh = await exchange({ grant_type: "refresh_token", refresh_token: tokens.refresh });
    tokens = { ...fresh, id: fresh.id ?? tokens.id };
    await signedIn();
  } catch (err) {
    verdict(err.message, "bad");
  }
});
$("copy").addEventListener("click", () => navigator.clipboard.writeText(tokens.access));
$("copy-url").addEventListener("click", () => navigator.clipboard.writeText($("begin").href));
$("tv-begin").addEventListener("click", async () => {
  alertIn("tv-error");
  try {
    await television();
  } catch (err) {
    $("tv-start").hidden = false;
    $("tv-shows").hidden = true;
    alertIn("tv-error", err);
  }
});
for (const id of ["scope", "prompt"]) $(id).addEventListener("change", relink);

const params = new URLSearchParams(location.search);
history.replaceState(null, "", "/demo"); // the code leaves the address bar and the history
try {
  server = await request("GET", issuer + "/.well-known/openid-configuration");
  if (params.has("state")) await arrive(params); else await relink();
} catch (err) {
  fail(err);
}
