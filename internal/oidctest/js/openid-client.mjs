// A back end, or with auth "none" an app, on the library openid-client: a whole life of a login.
import * as client from "openid-client";
import { setup, open, found, refused, same } from "./talk.mjs";

const auth = {
  none: () => client.None(),
  client_secret_basic: () => client.ClientSecretBasic(setup.secret),
  client_secret_post: () => client.ClientSecretPost(setup.secret),
  private_key_jwt: async () => client.PrivateKeyJwt(await signingKey(setup.key)),
}[setup.auth];

const config = await client.discovery(new URL(setup.issuer), setup.client_id, {}, await auth(), {
  execute: [client.allowInsecureRequests], // plain http, on loopback
});

// authorization gives the parameters of a login and what its answer must match.
async function authorization(more = {}) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  const parameters = {
    redirect_uri: setup.redirect_uri,
    scope: "openid email offline_access",
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...more,
  };
  const url = setup.par ? await client.buildAuthorizationUrlWithPAR(config, parameters) : client.buildAuthorizationUrl(config, parameters);
  return { url, checks };
}

async function signIn() {
  const { url, checks } = await authorization();
  if (setup.par) same("the parameters in the address", [...url.searchParams.keys()].sort().join(), "client_id,request_uri");
  return client.authorizationCodeGrant(config, await open(url, "sign in"), checks);
}

// television is the device flow: the code is shown here and pressed elsewhere.
async function television() {
  const device = await client.initiateDeviceAuthorization(config, { scope: "openid email offline_access" });
  if (!device.verification_uri || !device.user_code) throw new Error("nothing to show: " + JSON.stringify(device));
  const tokens = client.pollDeviceAuthorizationGrant(config, device);
  await open(device.verification_uri_complete, "approve");
  return tokens;
}

const tokens = await (setup.device ? television() : signIn());
const { sub } = tokens.claims();
const who = await client.fetchUserInfo(config, tokens.access_token, sub);
same("email", who.email, setup.email);

const next = await client.refreshTokenGrant(config, tokens.refresh_token);
if (next.access_token === tokens.access_token || next.refresh_token === tokens.refresh_token) throw new Error("the refresh gave what was there before");
await client.fetchUserInfo(config, next.access_token, sub);

if (setup.auth !== "none") {
  const alive = await client.tokenIntrospection(config, next.access_token);
  same("introspection: active, sub", `${alive.active} ${alive.sub}`, `true ${sub}`);
}
await client.tokenRevocation(config, next.refresh_token);
if (setup.auth !== "none") {
  same("introspection of a revoked token", JSON.stringify(await client.tokenIntrospection(config, next.access_token)), '{"active":false}');
}
const late = await refused("a revoked refresh token", client.refreshTokenGrant(config, next.refresh_token));
same("a revoked refresh token", late.error, "invalid_grant");
const dead = await refused("the access token of a revoked login", client.fetchUserInfo(config, next.access_token, sub));
same("the access token of a revoked login", dead.cause?.[0]?.parameters?.error, "invalid_token");

if (!setup.device) {
  const silent = await authorization({ prompt: "none" });
  const again = await client.authorizationCodeGrant(config, await open(silent.url), silent.checks);
  same("the second login's sub", again.claims().sub, sub);
  const state = client.randomState();
  const back = await open(client.buildEndSessionUrl(config, { post_logout_redirect_uri: setup.signed_out, id_token_hint: again.id_token, state }));
  same("after the logout", back.href, `${setup.signed_out}?state=${state}`);
  const gone = await authorization({ prompt: "none" });
  const e = await refused("prompt=none after the logout", client.authorizationCodeGrant(config, await open(gone.url), gone.checks));
  same("prompt=none after the logout", e.error, "login_required");
}
found({ sub });

function signingKey(jwk) {
  const { alg, ...rest } = jwk;
  return crypto.subtle
    .importKey("jwk", rest, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"])
    .then((key) => (jwk.kid ? { key, kid: jwk.kid } : key));
}
