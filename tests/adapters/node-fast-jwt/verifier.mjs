// fast-jwt: createVerifier with a function that finds the key by kid. Public keys are PEM, secrets are octets. Claims that
// are compared are only looked at where they are present, so they are required as well. Its error is TokenError.
import { TokenError, createVerifier } from "fast-jwt";
import { serve, versionOf } from "./loop.mjs";

const hello = {
  implementation: { name: "fast-jwt", version: versionOf("fast-jwt"), language: "javascript" },
  capabilities: {
    algorithms: ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
      "EdDSA"],
    key_form: "pem", mixed_algorithms: true, options: ["leeway", "require", "typ"], max_line: 4000000,
  },
};

const keyOf = ({ keys, key_texts: texts }) => async ({ header }) => {
  const jwk = keys.keys.find((key) => key.kid === header.kid);
  return jwk?.kty === "oct" ? Buffer.from(jwk.k, "base64url") : texts?.[jwk?.kid]?.pem;
};

const verify = ({ token, now, policy }) => createVerifier({
  key: keyOf(policy), algorithms: policy.algorithms, allowedIss: policy.issuer, allowedAud: policy.audience,
  requiredClaims: ["iss", "aud", ...(policy.require ?? [])], checkTyp: policy.typ ?? undefined,
  clockTolerance: (policy.leeway ?? 0) * 1000, clockTimestamp: now * 1000,
})(token);

await serve(hello, verify, (error) => error instanceof TokenError);
