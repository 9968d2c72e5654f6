// Reading and verifying a JWT with nothing but the browser.
const bytes = (base64url) => Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const read = (part) => JSON.parse(new TextDecoder().decode(bytes(part)));

export function decode(token) {
  const [header, claims] = token.split(".");
  return { header: read(header), claims: read(claims) };
}

// fromHex makes a standard JWK of a key of GET /projects/{id}/keys, which has e, n, x and y in hexadecimal.
export function fromHex(key) {
  const out = { ...key };
  for (const member of ["n", "e", "x", "y"]) {
    if (!key[member]) continue;
    const even = key[member].length % 2 ? "0" + key[member] : key[member];
    const raw = even.match(/../g).map((pair) => String.fromCharCode(parseInt(pair, 16))).join("");
    out[member] = btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }
  return out;
}

const algorithms = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
};

// verify gives a sentence that says which of the keys, a list of JWKs, signed the token, or throws.
export async function verify(token, keys) {
  const [head, body, signature] = token.split(".");
  const { alg, kid } = read(head);
  if (alg === "HS256") throw new Error("HS256 tokens are verified with the project's secret, which no page may know.");
  const key = keys.find((k) => k.kid === kid && k.alg === alg);
  if (!key) throw new Error("no key of the project has this kid.");
  const { kty, crv, n, e, x, y } = key; // what WebCrypto has its own ideas about stays behind: use, key_ops
  const by = await crypto.subtle.importKey("jwk", { kty, crv, n, e, x, y }, algorithms[alg], false, ["verify"]);
  if (!await crypto.subtle.verify(algorithms[alg], by, bytes(signature), new TextEncoder().encode(head + "." + body))) {
    throw new Error("the signature is wrong.");
  }
  return `${alg} signature verified in this browser with the project's key ${kid.slice(0, 8)}…`;
}
