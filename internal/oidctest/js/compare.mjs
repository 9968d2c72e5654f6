// One client's view of a server, in words: what it promises, what it answers to every mistake, and what a login brings. The
// test runs it against two servers and compares.
import { basic, Browser, call, form, server, pkce } from "./visitor.mjs";
import { setup, found } from "./talk.mjs";

const seen = {};
const me = { client_id: setup.public.ID };
const names = (object) => Object.keys(object).sort().join(" ");
const part = (token, i) => {
  try {
    return JSON.parse(Buffer.from(token.split(".")[i], "base64url"));
  } catch {
    return null;
  }
};

// What the discovery document promises. Addresses only have to be there.
for (const [name, value] of Object.entries(server)) {
  seen["discovery: " + name] = typeof value === "string" ? "there" : Array.isArray(value) ? [...value].sort().join(" ") : JSON.stringify(value);
}

// What is wrong with a request for a login.
const requests = {
  "nothing": {},
  "no client_id": { client_id: undefined },
  "unknown client_id": { client_id: "77" },
  "client_id twice": { client_id: [setup.public.ID, setup.public.ID] },
  "no redirect_uri": { redirect_uri: undefined },
  "unregistered redirect_uri": { redirect_uri: setup.redirect_uri + "/x" },
  "redirect_uri with a query": { redirect_uri: setup.redirect_uri + "?x=y" },
  "redirect_uri with a fragment": { redirect_uri: setup.redirect_uri + "#x" },
  "redirect_uri twice": { redirect_uri: [setup.redirect_uri, setup.redirect_uri] },
  "no response_type": { response_type: undefined },
  "response_type token": { response_type: "token" },
  "response_type id_token": { response_type: "id_token" },
  "response_type code id_token": { response_type: "code id_token" },
  "response_type none": { response_type: "none" },
  "response_type unknown": { response_type: "x" },
  "no scope": { scope: undefined, nonce: undefined },
  "scope without openid": { scope: "email", nonce: undefined },
  "scope without openid, and a nonce": { scope: "email" },
  "unknown scope": { scope: "openid x" },
  "scope twice": { scope: ["openid", "email"] },
  "no state": { state: undefined },
  "no nonce": { nonce: undefined },
  "response_mode form_post": { response_mode: "form_post" },
  "response_mode fragment": { response_mode: "fragment" },
  "response_mode unknown": { response_mode: "x" },
  "form_post, and an error": { response_mode: "form_post", prompt: "none" },
  "prompt none": { prompt: "none" },
  "prompt none login": { prompt: "none login" },
  "prompt login": { prompt: "login" },
  "prompt select_account": { prompt: "select_account" },
  "prompt consent": { prompt: "consent" },
  "prompt create": { prompt: "create" },
  "prompt unknown": { prompt: "x" },
  "max_age": { max_age: "10" },
  "max_age 0": { max_age: "0" },
  "max_age negative": { max_age: "-1" },
  "max_age of words": { max_age: "soon" },
  "no PKCE": { code_challenge: undefined, code_challenge_method: undefined },
  "PKCE plain": { code_challenge_method: "plain" },
  "PKCE without a method": { code_challenge_method: undefined },
  "PKCE without a challenge": { code_challenge: undefined },
  "PKCE by another method": { code_challenge_method: "S512" },
  "PKCE too short": { code_challenge: "x" },
  "PKCE with other characters": { code_challenge: "+".repeat(43) },
  "no PKCE, by a confidential client": { client_id: setup.confidential.ID, code_challenge: undefined, code_challenge_method: undefined },
  "a request object": { request: "eyJhbGciOiJub25lIn0.e30." },
  "a request_uri": { request_uri: "https://app.example.test/request" },
  "an unknown pushed request_uri": { request_uri: "urn:ietf:params:oauth:request_uri:x" },
  "registration": { registration: "{}" },
  "a hint that is no token": { id_token_hint: "x" },
  "a login_hint": { login_hint: "somebody@example.test" },
  "ui_locales": { ui_locales: "de-AT x" },
  "claims that are no JSON": { claims: "x" },
  "claims": { claims: '{"userinfo":{"email":null}}' },
  "acr_values": { acr_values: "1 2" },
  "display": { display: "popup" },
  "an unknown parameter": { x: "y" },
  "an unknown parameter twice": { x: ["y", "z"] },
};
for (const [name, changes] of Object.entries(requests)) seen["authorize: " + name] = await new Browser().ask(changes);
seen["authorize: by POST"] = await new Browser().ask({}, "POST");
seen["authorize: by POST, without a response_type"] = await new Browser().ask({ response_type: undefined }, "POST");
seen["authorize: by PUT"] = (await call(server.authorization_endpoint, form(me), {}, "PUT")).says.split(" ")[0];

// What a login brings.
const anna = new Browser();
const login = (changes, browser = anna) => browser.signIn(changes);
const alone = (changes) => login({ prompt: "consent", ...changes }, new Browser()); // what befalls it befalls no other login
const redeem = (code, verifier, more = {}, headers = {}) =>
  call(server.token_endpoint, form({ grant_type: "authorization_code", ...me, code, redirect_uri: setup.redirect_uri, code_verifier: verifier, ...more }), headers);

const first = await login({ scope: "openid email offline_access", prompt: "consent" });
seen["login: the answer"] = [...first.answer.keys()].sort().join(" ");
const tokens = await redeem(first.answer.get("code"), first.verifier);
seen["tokens: members"] = names(tokens.json);
seen["tokens: token_type"] = tokens.json.token_type;
seen["tokens: expires_in"] = typeof tokens.json.expires_in;
seen["tokens: Cache-Control"] = tokens.res.headers.get("cache-control");
seen["tokens: Content-Type"] = tokens.res.headers.get("content-type").split(";")[0];
seen["tokens: ID token's header"] = names(part(tokens.json.id_token, 0));
seen["tokens: ID token's alg"] = part(tokens.json.id_token, 0).alg;
seen["tokens: ID token's claims"] = names(part(tokens.json.id_token, 1));
seen["tokens: ID token's aud"] = JSON.stringify(part(tokens.json.id_token, 1).aud).replace(setup.public.ID, "the client");
seen["tokens: access token is a JWT"] = String(part(tokens.json.access_token, 0) !== null);

const plain = await login({ scope: "openid" });
const small = await redeem(plain.answer.get("code"), plain.verifier);
seen["tokens: members without offline_access"] = names(small.json);
const oauth = await login({ scope: "email", nonce: undefined });
const bare = await redeem(oauth.answer.get("code"), oauth.verifier);
seen["tokens: members without openid"] = names(bare.json);

// Who is it?
const who = (token, headers = { authorization: "Bearer " + token }) => call(server.userinfo_endpoint, undefined, headers, "GET");
const info = await who(tokens.json.access_token);
seen["userinfo: members"] = names(info.json);
seen["userinfo: Content-Type"] = info.res.headers.get("content-type").split(";")[0];
seen["userinfo: sub as in the ID token"] = String(info.json.sub === part(tokens.json.id_token, 1).sub);
seen["userinfo: openid only"] = names((await who(small.json.access_token)).json);
seen["userinfo: without openid"] = (await who(bare.json.access_token)).says;
seen["userinfo: no token"] = (await who("", {})).says;
seen["userinfo: what is no token"] = (await who("x")).says;
seen["userinfo: an ID token"] = (await who(tokens.json.id_token)).says;
seen["userinfo: another scheme"] = (await who("", { authorization: "Token " + tokens.json.access_token })).says;
seen["userinfo: by POST"] = (await call(server.userinfo_endpoint, form({}), { authorization: "Bearer " + tokens.json.access_token })).says;
seen["userinfo: by POST, in the form"] = (await call(server.userinfo_endpoint, form({ access_token: tokens.json.access_token }))).says;
seen["userinfo: twice"] = (await call(server.userinfo_endpoint, form({ access_token: tokens.json.access_token }), { authorization: "Bearer " + tokens.json.access_token })).says;
seen["userinfo: in the address"] = (await call(server.userinfo_endpoint + "?access_token=" + tokens.json.access_token, undefined, {}, "GET")).says;

// The browser is signed in now.
seen["signed in: prompt none"] = await anna.ask({ prompt: "none" });
seen["signed in: prompt none, at another client"] = await anna.ask({ prompt: "none", client_id: setup.other.ID });
seen["signed in: prompt login"] = await anna.ask({ prompt: "login" });
seen["signed in: max_age 0"] = await anna.ask({ max_age: "0" });
seen["signed in: max_age 10000"] = await anna.ask({ max_age: "10000" });
seen["signed in: with the right hint"] = await anna.ask({ prompt: "none", id_token_hint: tokens.json.id_token });
seen["signed in: with another client's hint"] = await anna.ask({ prompt: "none", client_id: setup.other.ID, id_token_hint: tokens.json.id_token });

// What is wrong with a code's redemption.
const spoil = async (more, headers, by) => {
  const { answer, verifier } = await login({});
  const body = form({ grant_type: "authorization_code", ...me, code: answer.get("code"), redirect_uri: setup.redirect_uri, code_verifier: verifier, ...more });
  return (await call(server.token_endpoint, by === "JSON" ? JSON.stringify(Object.fromEntries(body)) : body, headers)).says;
};
const redemptions = {
  "no grant_type": [{ grant_type: undefined }],
  "unknown grant_type": [{ grant_type: "x" }],
  "password": [{ grant_type: "password" }],
  "no code": [{ code: undefined }],
  "another code": [{ code: "x".repeat(43) }],
  "code twice": [{ code: ["x", "y"] }],
  "no redirect_uri": [{ redirect_uri: undefined }],
  "another redirect_uri": [{ redirect_uri: setup.redirect_uri + "/x" }],
  "no verifier": [{ code_verifier: undefined }],
  "another verifier": [{ code_verifier: pkce().verifier }],
  "a short verifier": [{ code_verifier: "x" }],
  "no client": [{ client_id: undefined }],
  "unknown client": [{ client_id: "77" }],
  "another client": [{ client_id: undefined }, basic(setup.confidential)],
  "another client, without its secret": [{ client_id: setup.confidential.ID }],
  "another client, with another secret": [{ client_id: undefined }, basic({ ID: setup.confidential.ID, Secret: "x" })],
  "another client, with another secret in the form": [{ client_id: setup.other.ID, client_secret: "x" }],
  "a secret for a public client": [{ client_secret: "x" }],
  "two ways at once": [{ client_id: setup.confidential.ID, client_secret: setup.confidential.Secret }, basic(setup.confidential)],
  "two clients at once": [{ client_id: setup.other.ID }, basic(setup.confidential)],
  "credentials that are none": [{ client_id: undefined }, { authorization: "Basic x" }],
  "JSON": [{}, { "content-type": "application/json" }, "JSON"],
  "an unknown parameter": [{ x: "y" }],
};
for (const [name, [more, headers, by]] of Object.entries(redemptions)) seen["token: " + name] = await spoil(more, headers, by);
seen["token: by GET"] = (await call(server.token_endpoint, undefined, {}, "GET")).says;
seen["token: nothing"] = (await call(server.token_endpoint, form({}))).says;

const twice = await alone({ scope: "openid email offline_access" });
const once = await redeem(twice.answer.get("code"), twice.verifier);
seen["token: a code again"] = (await redeem(twice.answer.get("code"), twice.verifier)).says;
seen["token: a code again, and the access token"] = (await who(once.json.access_token)).says;
const renew = (token, more = {}, headers = {}) => call(server.token_endpoint, form({ grant_type: "refresh_token", ...me, refresh_token: token, ...more }), headers);
seen["token: a code again, and the refresh token"] = (await renew(once.json.refresh_token)).says;

// Refreshing.
const next = await renew(tokens.json.refresh_token);
seen["refresh: members"] = names(next.json);
seen["refresh: rotates"] = String(next.json.refresh_token !== tokens.json.refresh_token);
seen["refresh: the old access token"] = (await who(tokens.json.access_token)).says;
seen["refresh: less"] = (await renew(next.json.refresh_token, { scope: "openid" })).json.scope;
const family = await alone({ scope: "openid email offline_access" });
const g0 = (await redeem(family.answer.get("code"), family.verifier)).json;
seen["refresh: more"] = (await renew(g0.refresh_token, { scope: "openid email phone" })).says;
seen["refresh: no token"] = (await renew(undefined)).says;
seen["refresh: what is no token"] = (await renew("x")).says;
seen["refresh: an access token"] = (await renew(g0.access_token)).says;
seen["refresh: by another client"] = (await renew(g0.refresh_token, { client_id: undefined }, basic(setup.confidential))).says;
const g1 = (await renew(g0.refresh_token)).json;
const g2 = (await renew(g1.refresh_token)).json;
seen["refresh: one that was left behind"] = (await renew(g0.refresh_token)).says;
seen["refresh: the newest, afterwards"] = (await renew(g2.refresh_token)).says;
seen["refresh: the access token, afterwards"] = (await who(g2.access_token)).says;

// Asking about tokens, and ending them.
const fresh = await alone({ scope: "openid email offline_access" });
const t = (await redeem(fresh.answer.get("code"), fresh.verifier)).json;
const mine = await alone({ client_id: setup.confidential.ID, scope: "openid email offline_access" });
const own = (await call(server.token_endpoint, form({
  grant_type: "authorization_code", code: mine.answer.get("code"), redirect_uri: setup.redirect_uri, code_verifier: mine.verifier,
}), basic(setup.confidential))).json;
const about = (token, headers = basic(setup.confidential), more = {}) => call(server.introspection_endpoint, form({ token, ...more }), headers);
const alive = (answer) => `${answer.says} ${answer.json.active ?? ""}`.trim();
seen["introspect: its own access token"] = names((await about(own.access_token)).json);
seen["introspect: its own access token is of the type"] = (await about(own.access_token)).json.token_type;
seen["introspect: its own refresh token"] = names((await about(own.refresh_token)).json);
seen["introspect: with the wrong hint"] = alive(await about(own.access_token, undefined, { token_type_hint: "refresh_token" }));
seen["introspect: with an unknown hint"] = alive(await about(own.access_token, undefined, { token_type_hint: "x" }));
seen["introspect: another client's access token"] = alive(await about(t.access_token));
seen["introspect: another client's refresh token"] = alive(await about(t.refresh_token));
seen["introspect: what is no token"] = JSON.stringify((await about("x")).json);
seen["introspect: no token"] = (await about(undefined)).says;
seen["introspect: an ID token"] = alive(await about(own.id_token));
seen["introspect: by nobody"] = (await about(own.access_token, {})).says;
seen["introspect: by a public client"] = alive(await about(t.access_token, {}, me));
seen["introspect: with another secret"] = (await about(own.access_token, basic({ ID: setup.confidential.ID, Secret: "x" }))).says;
const end = (token, headers = {}, more = me) => call(server.revocation_endpoint, form({ token, ...more }), headers);
seen["revoke: what is no token"] = (await end("x")).says;
seen["revoke: no token"] = (await end(undefined)).says;
seen["revoke: by nobody"] = (await end(t.refresh_token, {}, {})).says;
seen["revoke: another client's"] = (await end(own.refresh_token)).says;
seen["revoke: another client's, and the token"] = alive(await about(own.refresh_token));
seen["revoke: with another secret"] = (await end(own.refresh_token, basic({ ID: setup.confidential.ID, Secret: "x" }), {})).says;
seen["revoke: an unknown hint"] = (await end("x", {}, { ...me, token_type_hint: "x" })).says;
seen["revoke: the refresh token"] = (await end(t.refresh_token)).says;
seen["revoke: the refresh token, and a refresh"] = (await renew(t.refresh_token)).says;
seen["revoke: the refresh token, and the access token"] = (await who(t.access_token)).says;
seen["revoke: the refresh token, again"] = (await end(t.refresh_token)).says;
const short = await alone({ scope: "openid offline_access" });
const u = (await redeem(short.answer.get("code"), short.verifier)).json;
seen["revoke: the access token"] = (await end(u.access_token)).says;
seen["revoke: the access token, and userinfo"] = (await who(u.access_token)).says;
seen["revoke: the access token, and a refresh"] = (await renew(u.refresh_token)).says;

// Signing out.
const leave = (parameters, browser = anna) => browser.go(server.end_session_endpoint + "?" + form(parameters)).then((res) => browser.where(res));
const last = await login({ scope: "openid" });
const hint = (await redeem(last.answer.get("code"), last.verifier)).json.id_token;
seen["logout: nothing"] = await leave({});
seen["logout: an unregistered place"] = await leave({ id_token_hint: hint, post_logout_redirect_uri: setup.signed_out + "/x" });
seen["logout: a place without a client"] = await leave({ post_logout_redirect_uri: setup.signed_out });
seen["logout: a place, and the client"] = await leave({ post_logout_redirect_uri: setup.signed_out, client_id: setup.public.ID });
seen["logout: an unknown client"] = await leave({ client_id: "77" });
seen["logout: a hint that is no token"] = await leave({ id_token_hint: "x" });
seen["logout: another client than the hint's"] = await leave({ id_token_hint: hint, client_id: setup.confidential.ID });
seen["logout: nobody signed in"] = await leave({ id_token_hint: hint, post_logout_redirect_uri: setup.signed_out, state: "the state" }, new Browser());
seen["logout: good"] = await leave({ id_token_hint: hint, post_logout_redirect_uri: setup.signed_out, state: "the state" });

found(seen);
