// A client of compare.mjs, and a browser without scripts: what comes back is put into words that hold for any server.
import { createHash, randomBytes } from "node:crypto";
import { setup } from "./talk.mjs";

export const server = await (await fetch(setup.issuer + "/.well-known/openid-configuration")).json();

export const pkce = () => {
  const verifier = randomBytes(32).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
};

// Basic authentication as RFC 6749 §2.3.1 has it.
export const basic = ({ ID, Secret }) => ({
  authorization: "Basic " + Buffer.from(`${encodeURIComponent(ID)}:${encodeURIComponent(Secret)}`).toString("base64"),
});

// form is a body. A list gives a parameter several times; undefined leaves it out.
export function form(parameters) {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== undefined) body.append(name, one);
  }
  return body;
}

export class Browser {
  jar = new Map();

  async go(url, body) {
    const res = await fetch(url, {
      method: body ? "POST" : "GET", body, redirect: "manual",
      headers: {
        cookie: [...this.jar].map(([k, v]) => `${k}=${v}`).join("; "),
        // A browser says so by itself: a form of the server's own page, or a link of the client's.
        "sec-fetch-site": body instanceof URLSearchParams && body.own ? "same-origin" : "cross-site",
      },
    });
    for (const line of res.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/expires=Thu, 01 Jan 1970|max-age=0/i.test(line) || value === "") this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return res;
  }

  // request is one to the authorization endpoint, of the public client, with changes.
  request(changes = {}) {
    const { verifier, challenge } = pkce();
    const parameters = {
      client_id: setup.public.ID, redirect_uri: setup.redirect_uri, response_type: "code", scope: "openid email", state: "the state", nonce: "the nonce",
      code_challenge: challenge, code_challenge_method: "S256", ...changes,
    };
    return { parameters, verifier };
  }

  // ask goes to the authorization endpoint and gives where that leads, in words.
  async ask(changes, by = "GET") {
    const { parameters } = this.request(changes);
    const query = form(parameters);
    if (by === "GET") return this.where(await this.go(server.authorization_endpoint + "?" + query));
    return this.where(await this.go(server.authorization_endpoint, query));
  }

  // where puts an answer into words: "login", "page 400", "client: error=…".
  async where(res, hops = 0) {
    const to = res.headers.get("location");
    const text = await res.text();
    if (to === null) {
      const post = hidden(text);
      if (post?.action === setup.redirect_uri) return "form_post: " + words(post.fields);
      if (res.status === 200 && /<input/.test(text)) return "login";
      return `page ${res.status}`;
    }
    const url = new URL(to, res.url);
    if (to.startsWith(setup.redirect_uri)) {
      const mark = url.hash ? "fragment: " : "client: ";
      return mark + words(url.hash ? new URLSearchParams(url.hash.slice(1)) : url.searchParams);
    }
    if (to.startsWith(setup.signed_out)) return "signed out: " + words(url.searchParams);
    if (url.origin !== new URL(setup.issuer).origin || hops > 3) return "elsewhere: " + url.origin;
    return this.where(await this.go(url.href), hops + 1);
  }

  // signIn goes all the way and gives what the client gets.
  async signIn(changes) {
    const { parameters, verifier } = this.request(changes);
    let res = await this.go(server.authorization_endpoint + "?" + form(parameters));
    for (let step = 0; step < 12; step++) {
      const to = res.headers.get("location");
      if (to?.startsWith(setup.redirect_uri)) return { answer: new URL(to).searchParams, verifier };
      if (to !== null) {
        res = await this.go(new URL(to, res.url));
        continue;
      }
      const page = hidden(await res.text());
      if (!page) throw new Error(`the login stops at ${res.url}: ${res.status}`);
      await fillIn(page.fields);
      page.fields.own = true;
      res = await this.go(new URL(page.action, res.url), page.fields);
    }
    throw new Error("the login does not end");
  }
}

// hidden reads the first form of a page, and presses its first button.
export function hidden(html) {
  const found = /<form\b([^>]*)>([\s\S]*?)<\/form>/.exec(html);
  if (!found) return null;
  const get = (tag, name) => new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1].replaceAll("&amp;", "&").replaceAll("&#34;", '"').replaceAll("&#43;", "+");
  const fields = new URLSearchParams();
  for (const [tag] of found[2].matchAll(/<input\b[^>]*>/g)) {
    if (get(tag, "name") && get(tag, "type") !== "checkbox") fields.set(get(tag, "name"), get(tag, "value") ?? "");
  }
  const button = /<button\b[^>]*name="step"[^>]*>/.exec(found[2])?.[0];
  if (button) fields.set("step", get(button, "value"));
  return { action: get(found[1], "action") ?? "", fields };
}

// fillIn is what the person does with a form of either server.
async function fillIn(fields) {
  if (fields.has("address")) fields.set("address", setup.email);
  if (fields.has("login")) fields.set("login", setup.email);
  if (fields.has("password")) fields.set("password", "any");
  if (!fields.has("code")) return;
  for (let tries = 0; tries < 200; tries++) {
    const [message] = await (await fetch(setup.inbox + encodeURIComponent(setup.email))).json();
    if (message && message.id !== fillIn.last) {
      fillIn.last = message.id;
      fields.set("code", message.code);
      return;
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error("no message came");
}

// words says which parameters an answer has: the value of error, the names of the others.
function words(parameters) {
  return [...parameters]
    .filter(([name]) => name !== "error_description")
    .map(([name, value]) => (name === "error" ? `error=${value}` : name === "state" ? `state${value === "the state" ? "" : "=" + value}` : name))
    .sort()
    .join(" ");
}

// call posts to an endpoint and gives status, error word, and what a 401 says.
export async function call(endpoint, body, headers = {}, method = "POST") {
  const res = await fetch(endpoint, { method, body: method === "GET" ? undefined : body, headers });
  const text = await res.text();
  let json = {};
  try {
    json = JSON.parse(text);
  } catch {}
  const scheme = res.headers.get("www-authenticate")?.split(/[ ,]/)[0];
  return { res, json, text, says: [res.status, json.error, scheme && `(${scheme})`].filter(Boolean).join(" ") };
}
