// jwt-simple: decode with the key as text, and with the algorithm where the exhibit pins it. It throws plain Errors.
import { call, keyOf, required, serveRelease } from "./texts.mjs";

const jwt = required("jwt-simple");

const verify = ({ token, policy }) => jwt.decode(token, keyOf(policy), false, call.pinned ? policy.algorithms[0] : undefined);

await serveRelease(
  "jwt-simple", { algorithms: ["RS256"], clock: "real", key_set: false }, verify,
  (error) => Object.getPrototypeOf(error) === Error.prototype,
);
