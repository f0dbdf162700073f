// jsonwebtoken: verify with a callback that finds the key by kid, as its README shows for a key set. Public keys are PEM,
// secrets are octets. Its errors are JsonWebTokenError and those that extend it.
import jwt from "jsonwebtoken";
import { serve, versionOf } from "./loop.mjs";

const hello = {
  implementation: { name: "jsonwebtoken", version: versionOf("jsonwebtoken"), language: "javascript" },
  capabilities: {
    algorithms: ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"],
    key_form: "pem", mixed_algorithms: true, options: ["leeway"], max_line: 4000000,
  },
};

// What jwks-rsa does, from the policy in place of the network.
const keyOf = ({ keys, key_texts: texts }) => (header, callback) => {
  const jwk = keys.keys.find((key) => key.kid === header.kid);
  const key = jwk?.kty === "oct" ? Buffer.from(jwk.k, "base64url") : texts?.[jwk?.kid]?.pem;
  callback(key === undefined ? new Error("no key of that kid") : null, key);
};

const verify = ({ token, now, policy }) => new Promise((resolve, reject) => {
  const options = {
    algorithms: policy.algorithms, issuer: policy.issuer, audience: policy.audience,
    clockTolerance: policy.leeway ?? 0, clockTimestamp: now,
  };
  jwt.verify(token, keyOf(policy), options, (error, claims) => (error ? reject(error) : resolve(claims)));
});

await serve(hello, verify, (error) => error instanceof jwt.JsonWebTokenError);
