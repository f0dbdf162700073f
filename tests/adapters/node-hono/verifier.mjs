// hono: verifyWithJwks, as its middleware `jwk` calls it. It has no leeway and requires no claim. Its clock is Date.now, for
// which there is a stand-in. Its errors have no class in common; their names begin alike.
import { verifyWithJwks } from "hono/jwt";
import { serve, versionOf } from "./loop.mjs";

const hello = {
  implementation: { name: "hono", version: versionOf("hono"), language: "javascript" },
  capabilities: {
    algorithms: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"],
    options: ["typ"], max_line: 4000000,
  },
};

async function verify({ token, now, policy }) {
  Date.now = () => now * 1000;
  return await verifyWithJwks(token, {
    keys: policy.keys.keys, allowedAlgorithms: policy.algorithms,
    verification: { iss: policy.issuer, aud: policy.audience, typ: policy.typ ?? undefined },
  });
}

await serve(hello, verify, (error) => error.name.startsWith("Jwt"));
