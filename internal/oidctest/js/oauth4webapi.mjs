// The same life of a login on oauth4webapi, which leaves every step to its caller.
import * as oauth from "oauth4webapi";
import { setup, open, found, refused, same } from "./talk.mjs";

const plain = { [oauth.allowInsecureRequests]: true }; // http, on loopback
const issuer = new URL(setup.issuer);
const me = { client_id: setup.client_id };
const auth = setup.secret ? oauth.ClientSecretBasic(setup.secret) : oauth.None();

const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, plain));
// The other standard's path leads to the same document.
const other = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...plain, algorithm: "oauth2" }));
same("the two discovery documents", JSON.stringify(other), JSON.stringify(server));

async function ask(does, more = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const url = new URL(server.authorization_endpoint);
  const parameters = {
    client_id: me.client_id, redirect_uri: setup.redirect_uri, response_type: "code", scope: "openid email offline_access", state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const answer = oauth.validateAuthResponse(server, me, await open(url, does), state);
  const response = await oauth.authorizationCodeGrantRequest(server, me, auth, answer, setup.redirect_uri, verifier, plain);
  const tokens = await oauth.processAuthorizationCodeResponse(server, me, response, { expectedNonce: nonce, requireIdToken: true, ...(more.max_age ? { maxAge: more.max_age } : {}) });
  await oauth.validateApplicationLevelSignature(server, response, plain);
  return tokens;
}

const userinfo = async (token, sub) => oauth.processUserInfoResponse(server, me, sub, await oauth.userInfoRequest(server, me, token, plain));
const refresh = async (token) => oauth.processRefreshTokenResponse(server, me, await oauth.refreshTokenGrantRequest(server, me, auth, token, plain));

const tokens = await ask("sign in", { max_age: 60 });
const { sub } = oauth.getValidatedIdTokenClaims(tokens);
same("email", (await userinfo(tokens.access_token, sub)).email, setup.email);
const next = await refresh(tokens.refresh_token);
if (next.refresh_token === tokens.refresh_token) throw new Error("the refresh gave what was there before");
await userinfo(next.access_token, sub);

await oauth.processRevocationResponse(await oauth.revocationRequest(server, me, auth, next.refresh_token, plain));
const late = await refused("a revoked refresh token", refresh(next.refresh_token));
same("a revoked refresh token", `${late.status} ${late.error}`, "400 invalid_grant");
const dead = await refused("the access token of a revoked login", userinfo(next.access_token, sub));
same("the access token of a revoked login", `${dead.status} ${dead.cause?.[0]?.parameters?.error}`, "401 invalid_token");

if (setup.signed_out) {
  const again = await ask("", { prompt: "none" });
  same("the second login's sub", oauth.getValidatedIdTokenClaims(again).sub, sub);
  const leave = new URL(server.end_session_endpoint);
  leave.searchParams.set("id_token_hint", again.id_token);
  leave.searchParams.set("post_logout_redirect_uri", setup.signed_out);
  same("after the logout", (await open(leave)).href, setup.signed_out);
  const e = await refused("prompt=none after the logout", ask("", { prompt: "none" }));
  same("prompt=none after the logout", e.error, "login_required");
}
found({ sub });
