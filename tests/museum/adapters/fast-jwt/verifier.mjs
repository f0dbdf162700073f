// fast-jwt: createVerifier with a key as text, before which the exhibit may put something; it finds out the algorithms.
import { call, keyOf, required, serveRelease } from "./texts.mjs";

const { TokenError, createVerifier } = required("fast-jwt");
const { before = "" } = call;

const verify = ({ token, now, policy }) => {
  const key = keyOf(policy);
  const checks = { allowedIss: policy.issuer, allowedAud: policy.audience, clockTimestamp: now * 1000 };
  return createVerifier({ key: typeof key === "string" ? before + key : key, ...checks })(token);
};

await serveRelease(
  "fast-jwt", { algorithms: ["RS256", "ES256"], key_set: false, options: [] }, verify,
  (error) => error instanceof TokenError,
);
