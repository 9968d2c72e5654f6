// npm oidc-provider, which is certified, set up as like to the server as it can be: the same clients, the same person, the same
// policies where it has them. It says where it listens.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const setup = JSON.parse(process.argv[2]);

const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `http://127.0.0.1:${server.address().port}`;

const web = {
  redirect_uris: [setup.redirect_uri], post_logout_redirect_uris: [setup.signed_out], response_types: ["code"],
  grant_types: ["authorization_code", "refresh_token"], application_type: "web",
};
const provider = new Provider(issuer, {
  clients: [
    { ...web, client_id: setup.public.ID, token_endpoint_auth_method: "none" },
    { ...web, client_id: setup.confidential.ID, client_secret: setup.confidential.Secret, token_endpoint_auth_method: "client_secret_basic" },
    { ...web, client_id: setup.other.ID, client_secret: setup.other.Secret, token_endpoint_auth_method: "client_secret_post" },
  ],
  scopes: ["openid", "profile", "email", "phone", "offline_access"],
  claims: {
    openid: ["sub"], email: ["email", "email_verified"], phone: ["phone_number", "phone_number_verified"],
    profile: ["name", "given_name", "family_name", "nickname", "birthdate", "gender"],
  },
  async findAccount(_, id) {
    return { accountId: id, claims: () => ({ sub: id, email: setup.email, email_verified: true }) };
  },
  features: {
    devInteractions: { enabled: true }, revocation: { enabled: true }, introspection: { enabled: true }, rpInitiatedLogout: { enabled: true },
    pushedAuthorizationRequests: { enabled: true }, deviceFlow: { enabled: true }, clientCredentials: { enabled: true }, dPoP: { enabled: false },
  },
  clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
  enabledJWA: { clientAuthSigningAlgValues: ["ES256", "EdDSA", "PS256", "RS256"] },
  allowOmittingSingleRegisteredRedirectUri: false,
  enableHttpPostMethods: true,
  pkce: { required: (_, client) => client.clientAuthMethod === "none" },
  rotateRefreshToken: true,
  responseTypes: ["code"],
  ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, RefreshToken: 86400, Session: 86400, Interaction: 3600, Grant: 86400 },
  cookies: { keys: ["a key for tests"], long: { sameSite: "none" } },
});
provider.on("server_error", (_, e) => console.error(e));
server.on("request", provider.callback());
console.log(JSON.stringify({ listening: issuer }));
