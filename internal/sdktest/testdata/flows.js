// The flows that a game's web page would run with the client. Each one is a function that throws when something is not
// as it should be, and may return what the test checks further. `setup` comes from the test.
"use strict";

const must = (ok, what) => { if (!ok) throw new Error(what); };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// The SDK hands axios' cancel token through; a page that never cancels has one that never settles.
const neverCancelled = () => ({ token: { promise: new Promise(() => {}), throwIfRequested() {} } });

// jwtApi and oauthApi are the two configurations of the client. It turns to OAuth 2.0 by itself when it has these four.
const jwtApi = (more) => new XsollaLogin.Api(Object.assign({
  apiUrl: setup.api, projectId: setup.project, callbackUrl: setup.callback, fullLocale: "de-DE",
}, more));
const oauthApi = (more) => jwtApi(Object.assign({
  clientId: setup.client, redirectUri: setup.redirect, responseType: "code", state: "sdk-state-1", scope: "offline",
}, more));

// message waits for the newest message to an address, as its owner would.
async function message(to, previous) {
  for (let i = 0; i < 200; i++) {
    const found = await (await fetch("/message?to=" + encodeURIComponent(to))).json();
    if (found.length && found[0].id !== previous) return found[0];
    await sleep(50);
  }
  throw new Error("no message to " + to + " within 10 s");
}

// refusal gives the code that the client throws (APIError.code), and fails when it does not throw.
async function refusal(call) {
  try {
    await call;
  } catch (e) {
    return e.code || String(e);
  }
  throw new Error("the client met no error");
}

const claims = (token) => JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));

function tokenOf(answer) {
  const url = answer && answer.login_url;
  must(url && url.startsWith(setup.callback + "?token="), "login_url is " + JSON.stringify(answer));
  must(!url.includes("#"), "login_url has a fragment: " + url);
  return new URL(url).searchParams.get("token");
}

function codeOf(answer) {
  const url = answer && answer.login_url;
  must(url && url.startsWith(setup.redirect + "?code="), "login_url is " + JSON.stringify(answer));
  must(new URL(url).searchParams.get("state") === "sdk-state-1", "state did not come back: " + url);
  return new URL(url).searchParams.get("code");
}

const other = (code) => (code[0] === "1" ? "2" : "1") + code.slice(1);

// byEmail and byPhone are whole logins; a wrong code comes first.
async function byEmail(api, email, isOauth2) {
  const { operation_id } = await api.emailGetCode({ email, isOauth2 });
  must(operation_id, "no operation_id");
  const { code } = await message(email.toLowerCase());
  const wrong = await refusal(api.loginWithEmailCode({ email, code: other(code), operation_id, isOauth2 }));
  must(wrong === "003-039", "a wrong code gave " + wrong);
  const answer = await api.loginWithEmailCode({ email, code, operation_id, isOauth2 });
  const again = await refusal(api.loginWithEmailCode({ email, code, operation_id, isOauth2 }));
  must(again === "003-039", "a used code gave " + again);
  return answer;
}

async function byPhone(api, phone_number, isOauth2) {
  const { operation_id } = await api.phoneGetCode({ phone_number, isOauth2 });
  must(operation_id, "no operation_id");
  const { code } = await message(phone_number);
  const wrong = await refusal(api.loginWithPhoneCode({ phone_number, code: other(code), operation_id, isOauth2 }));
  must(wrong === "003-039", "a wrong code gave " + wrong);
  return api.loginWithPhoneCode({ phone_number, code, operation_id, isOauth2 });
}

// approved is a login on a device that waits while the link is pressed on another one.
async function approved(api, start, login, isOauth2) {
  const { operation_id } = await start({ link_url: setup.callback });
  const poll = api.getConfirmCode({ login, operation_id, cancelToken: neverCancelled() });
  const { link, code } = await message(login.toLowerCase());
  must(link, "the message carries no link");
  const pressed = await fetch("/approve", { method: "POST", body: link });
  must(pressed.ok, "the approval page answered " + pressed.status);
  const got = await poll;
  must(got.code === code, "getConfirmCode gave another code than the message");
  const late = await api.getConfirmCode({ login, operation_id, cancelToken: neverCancelled() });
  must(late.code === code, "an approved code is not readable a second time");
  return { operation_id, code };
}

const flows = {
  async "email, JWT"() {
    const token = tokenOf(await byEmail(jwtApi({ payload: '{"from":"sdk"}' }), "Sdk.Mail@Example.com", false));
    const c = claims(token);
    must(c.email === "sdk.mail@example.com" && c.type === "email", "claims: " + JSON.stringify(c));
    must(c.xsolla_login_project_id === setup.project, "project: " + c.xsolla_login_project_id);
    must(c.payload === '{"from":"sdk"}', "payload: " + c.payload);
    return { token };
  },
  async "phone, JWT"() {
    const token = tokenOf(await byPhone(jwtApi(), "+4915112345678", false));
    must(claims(token).phone_number === "+4915112345678", "claims: " + JSON.stringify(claims(token)));
    return { token };
  },
  async "email, OAuth 2.0"() {
    return { code: codeOf(await byEmail(oauthApi(), "sdk.oauth@example.com", true)) };
  },
  async "phone, OAuth 2.0"() {
    return { code: codeOf(await byPhone(oauthApi(), "+447700900123", true)) };
  },
  async "email, link approved, JWT"() {
    const api = jwtApi({ enable_magic_link: true }), email = "Sdk.Link@example.com";
    const { operation_id, code } = await approved(api, (link) => api.emailGetCode({ email, ...link }), email);
    return { token: tokenOf(await api.loginWithEmailCode({ email, code, operation_id })) };
  },
  // The page that the link leads to may ask the person itself, and hand the answer on.
  async "email, link pushed by the page, JWT"() {
    const api = jwtApi({ enable_magic_link: true }), login = "sdk.push@example.com", link_url = setup.callback;
    const { operation_id } = await api.emailGetCode({ email: login, link_url });
    const poll = api.getConfirmCode({ login, operation_id, cancelToken: neverCancelled() });
    const { link } = await message(login), state = link.slice(link.lastIndexOf("/") + 1);
    const unknown = await refusal(api.pushConfirmCode({ state: "AAAAAAAAAAAAAAAAAAAAAA", action: "approve", link_url }));
    must(unknown === "003-061", "an unknown link gave " + unknown);
    const answer = await api.pushConfirmCode({ state, action: "approve", link_url });
    must(answer.login_url === link_url, "pushConfirmCode leads to " + JSON.stringify(answer));
    const { code } = await poll;
    return { token: tokenOf(await api.loginWithEmailCode({ email: login, code, operation_id })) };
  },
  async "phone, link approved, OAuth 2.0"() {
    const api = oauthApi({ enable_magic_link: true }), phone_number = "+12025550123", isOauth2 = true;
    const { operation_id, code } = await approved(
      api, (link) => api.phoneGetCode({ phone_number, isOauth2, ...link }), phone_number, isOauth2);
    return { code: codeOf(await api.loginWithPhoneCode({ phone_number, code, operation_id, isOauth2 })) };
  },
  // The settings that the vendor's own pages have elsewhere do not exist here: the client falls back to the server's.
  async "settings"() {
    const config = await oauthApi().fetchConfig();
    must(config.theme.primary_color === "#3b4fd8" && config.theme.background.color === "#ffffff", "theme: " + JSON.stringify(config.theme));
    must(config.theme.error_color, "the client's own colour of errors is gone");
    must(config.social_links.primary.length === 0 && config.social_links.secondary.length === 0, "there are social links");
    must(config.registration_fields.map((f) => f.name).join() === "email,phone_number", "fields: " + JSON.stringify(config.registration_fields));
    must(config.enable_magic_link === true, "enable_magic_link is " + config.enable_magic_link);
  },
  // The client sends the whole window away, or, in a frame with an opener, tells that one where to go. The second can be
  // watched.
  async "hosted login page"() {
    const told = new Promise((done) => addEventListener("message", (e) => { if (e.data.loginUri) done(e.data.loginUri); }));
    parent.opener = window;
    parent.close = () => {};
    oauthApi({ clientId: setup.confidential, audience: "https://api.example.com", enablePostMessageLogin: true }).oauth2Auth();
    return { page: await told };
  },
  async "logout"() {
    const api = jwtApi(), email = "sdk.logout@example.com";
    const token = tokenOf(await byEmail(api, email, false));
    await api.logout(token, "all");
    const gave = await refusal(api.logout(token, "all"));
    must(gave === "010-017", "a token from before the logout gave " + gave);
  },
  async "refusals"() {
    const none = await refusal(jwtApi({ projectId: "11111111-1111-4111-8111-111111111111" }).emailGetCode({ email: "a@example.com" }));
    must(none === "003-019", "an unknown project gave " + none);
    const email = await refusal(jwtApi().emailGetCode({ email: "no address" }));
    must(email === "002-027", "a bad email gave " + email);
    const phone = await refusal(jwtApi().phoneGetCode({ phone_number: "+1" }));
    must(phone === "002-056", "a bad phone gave " + phone);
    const client = await refusal(oauthApi({ clientId: 999 }).emailGetCode({ email: "a@example.com", isOauth2: true }));
    must(client === "010-019", "an unknown client gave " + client);
    const state = await refusal(oauthApi({ state: "short" }).emailGetCode({ email: "a@example.com", isOauth2: true }));
    must(state === "010-022", "a short state gave " + state);
  },
  // A poll that nobody answers runs into the server's 20 s. The browser repeats such a GET by itself for every used
  // connection that it finds in its pool; under another host name there are none but this flow's own.
  async "poll runs out"() {
    if (setup.short) return { skipped: "it takes 40 s" };
    const apiUrl = setup.api.replace("127.0.0.1", "localhost");
    const api = jwtApi({ apiUrl, enable_magic_link: true }), login = "sdk.wait@example.com";
    const { operation_id } = await api.emailGetCode({ email: login, link_url: setup.callback });
    const began = Date.now();
    const gave = await refusal(api.getConfirmCode({ login, operation_id, cancelToken: neverCancelled() }));
    must(gave === "003-061", "a poll that ran out gave " + gave);
    must(Date.now() - began > 15000, "the poll was held for " + (Date.now() - began) + " ms only");
  },
};

// The client's configuration is shared by all its instances (it merges into one default object), so every flow has a
// frame, and with it a client, of its own. The outer page makes the frames.
(async () => {
  const name = new URLSearchParams(location.search).get("flow");
  if (name === null) {
    for (const flow of Object.keys(flows)) {
      const frame = document.createElement("iframe");
      frame.src = "/?flow=" + encodeURIComponent(flow);
      document.body.append(frame);
    }
    return;
  }
  let result;
  try {
    result = Object.assign({ name }, await flows[name]());
  } catch (e) {
    result = { name, failed: e.code ? "the client threw " + e.code : String(e.stack || e) };
  }
  await fetch("/report", { method: "POST", body: JSON.stringify(result) });
})();
